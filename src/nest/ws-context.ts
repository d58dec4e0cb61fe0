import type { ExecutionContext } from '@nestjs/common';
import { PropagatorError } from '../errors.js';
import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';

/**
 * The socket that a message came from.
 *
 * @throws PropagatorError `context.not-ws` in any other context, such as that of an HTTP request
 * @internal
 */
export function wsClientOf(context: ExecutionContext, asking: string): AuthenticatedSocket {
  const type = context.getType();
  if (type !== 'ws') throw PropagatorError.of('context.not-ws', [asking, type]);
  return context.switchToWs().getClient<AuthenticatedSocket>();
}
