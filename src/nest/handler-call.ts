import type { WsResponse } from '@nestjs/websockets';

/** A symbol for all copies of this package: an app may load it as ESM and as CommonJS. */
const CALL = Symbol.for('nestjs-redis-propagator:handler-call');

/** Its position among the arguments of a handler: socket, data, acknowledgement, call, pattern. */
const CALL_INDEX = 3;

/** The error that a client gets for a failure that is none of its business. It can always be encoded. @internal */
export const FAILURE = { status: 'error', message: 'Internal server error' } as const;

/**
 * One message of a client, from its arrival to its last response. `SocketStateAdapter` creates it, and Nest passes
 * it to guards, interceptors and exception filters with the other arguments of the handler.
 *
 * @internal
 */
export abstract class HandlerCall {
  readonly [CALL] = true;

  /**
   * Set by `RedisPropagatorInterceptor`: sends a response that the client has got to the audience. `false` without an
   * audience, undefined if no interceptor has seen the call.
   */
  propagate: ((response: WsResponse) => void) | false | undefined;

  /** Set by `@On` for an invalid message: the acknowledgement, unless an exception filter sends another one. */
  refusal: unknown;

  /**
   * Sends the acknowledgement to the client.
   *
   * @throws the error of the encoder; the acknowledgement can be sent again then
   */
  abstract acknowledge(answer: unknown): void;
}

/** The call in the arguments of a handler; undefined with another adapter. @internal */
export function callOf(args: readonly unknown[]): HandlerCall | undefined {
  const call = args[CALL_INDEX];
  return typeof call === 'object' && call !== null && CALL in call
    ? (call as HandlerCall)
    : undefined;
}
