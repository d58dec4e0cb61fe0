import type { ExecutionContext } from '@nestjs/common';
import type { WsResponse } from '@nestjs/websockets';
import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import { PropagatorError } from '../errors.js';

/**
 * The socket of a message.
 *
 * @throws PropagatorError `context.not-ws` in any other context, such as that of an HTTP request
 * @internal
 */
export function wsClientOf(context: ExecutionContext, asking: string): AuthenticatedSocket {
  const type = context.getType();
  if (type !== 'ws') throw PropagatorError.of('context.not-ws', [asking, type]);
  return context.switchToWs().getClient<AuthenticatedSocket>();
}

/**
 * The event in a handler's result, which Nest's IoAdapter emits to the client instead of acknowledging. Undefined
 * if the result is not an event. Each member is read once: a getter of the app may return something else the next
 * time, or throw.
 *
 * @internal
 */
export function wsResponseIn(result: unknown): WsResponse | undefined {
  const kind = typeof result;
  if ((kind !== 'object' && kind !== 'function') || result === null) return undefined;
  const { event, data } = result as Partial<WsResponse>;
  if (typeof event === 'string' && event !== '') return { event, data };
  if (typeof event === 'number' && event) return { event: String(event), data };
  // Socket.IO sends only names of these types, and the client would disconnect. Any other object is data of the
  // app, not an event.
  return undefined;
}
