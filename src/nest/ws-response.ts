import type { WsResponse } from '@nestjs/websockets';

/**
 * The event in a handler's result: what Nest's IoAdapter emits to the client, in place of acknowledging. Undefined where
 * the result is none. Each member is read once: a getter of the app may return something else the next time, or throw.
 *
 * @internal
 */
export function wsResponseIn(result: unknown): WsResponse | undefined {
  const kind = typeof result;
  if ((kind !== 'object' && kind !== 'function') || result === null) return undefined;
  const { event, data } = result as Partial<WsResponse>;
  if (typeof event === 'string' && event !== '') return { event, data };
  if (typeof event === 'number' && event) return { event: String(event), data };
  // Socket.IO sends names of no other kind, and the client would disconnect. Such an object is data of the app, not an event.
  return undefined;
}
