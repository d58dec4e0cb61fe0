import {
  createParamDecorator,
  type ExecutionContext,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { wsClientOf } from './ws-context.js';

type Pipe = PipeTransform | Type<PipeTransform>;

const fromSocket = createParamDecorator(
  (claim: string | undefined, context: ExecutionContext): unknown => {
    const { auth } = wsClientOf(context, '@CurrentUser()');
    // Undefined without the adapter, which authenticates sockets.
    if (!auth) return null;
    return claim === undefined ? auth : auth[claim];
  },
);

/**
 * A parameter of a gateway's handler: the user who sent the message, as in `socket.auth`; `null` for an anonymous
 * socket. With the name of a claim, the value of that claim. Pipes work as with any other parameter.
 *
 * ```ts
 * @SubscribeMessage('say')
 * say(@CurrentUser() user: AuthenticatedIdentity | null, @CurrentUser('role') role: string | null) {}
 * ```
 *
 * Outside of gateways the call fails with `PropagatorError` `context.not-ws`.
 */
export function CurrentUser(claimOrPipe?: string | Pipe, ...pipes: Pipe[]): ParameterDecorator {
  return claimOrPipe === undefined ? fromSocket(...pipes) : fromSocket(claimOrPipe, ...pipes);
}
