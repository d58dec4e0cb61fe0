import {
  createParamDecorator,
  type ExecutionContext,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import type { AppClaims } from '../contract/propagator-types.js';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
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

/** The names of claims; any without `claims` in `PropagatorTypes`. */
type ClaimName = keyof AppClaims extends never
  ? string
  : keyof (AppClaims & Record<KnownClaim, unknown>);

type KnownClaim = 'userId' | 'sessionId' | 'expiresAt' | 'exp';

type ClaimOf<Name> = Name extends keyof AppClaims
  ? AppClaims[Name]
  : Name extends keyof AuthenticatedIdentity
    ? AuthenticatedIdentity[Name]
    : unknown;

/** A decorator for parameters whose type takes the claim. */
type ClaimDecorator<Claim> = <
  Gateway extends object,
  Method extends string | symbol | undefined,
  Index extends number,
>(
  target: Gateway,
  method: Method,
  index: Index & Takes<Gateway, Method, Index, Claim>,
) => void;

/** `unknown`, which allows the parameter, unless its type is known and does not take the claim. */
type Takes<Gateway, Method, Index extends number, Claim> = Method extends keyof Gateway
  ? Gateway[Method] extends (...args: infer Parameters extends unknown[]) => unknown
    ? unknown extends Claim
      ? unknown
      : [Claim] extends [Parameters[Index]]
        ? unknown
        : { readonly 'the claim has another type': Claim }
    : unknown
  : unknown;

/**
 * A parameter of a gateway's handler: the user who sent the message, as in `socket.auth`; `null` for an anonymous
 * socket. With the name of a claim, the value of that claim. Pipes work as with any other parameter.
 *
 * ```ts
 * @SubscribeMessage('say')
 * say(@CurrentUser() user: AuthenticatedIdentity | null, @CurrentUser('role') role: string | null) {}
 * ```
 *
 * With `claims` in `PropagatorTypes` the compiler checks the name of the claim, and the type of the parameter unless pipes
 * change the value. Outside of gateways the call fails with `PropagatorError` `context.not-ws`.
 */
export function CurrentUser<Name extends ClaimName>(claim: Name): ClaimDecorator<ClaimOf<Name>>;
export function CurrentUser(claimOrPipe?: ClaimName | Pipe, ...pipes: Pipe[]): ParameterDecorator;
export function CurrentUser(claimOrPipe?: string | Pipe, ...pipes: Pipe[]): ParameterDecorator {
  return claimOrPipe === undefined ? fromSocket(...pipes) : fromSocket(claimOrPipe, ...pipes);
}
