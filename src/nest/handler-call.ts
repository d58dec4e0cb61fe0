import type { WsResponse } from '@nestjs/websockets';

/** A symbol of all copies of this package: an app may load it as ESM and as CommonJS. */
const CALL = Symbol.for('nestjs-redis-propagator:handler-call');

/** Its place among the arguments that Nest hands on: socket, data, acknowledgement, call, pattern. */
const CALL_INDEX = 3;

/**
 * One message of a client, from its arrival to its last response. `SocketStateAdapter` makes it, and Nest hands it to
 * guards, interceptors and exception filters with the other arguments of the handler.
 *
 * @internal
 */
export abstract class HandlerCall {
  readonly [CALL] = true;

  /**
   * Set by `RedisPropagatorInterceptor`: sends a response that the client got to its audience, too. `false` where there is
   * no audience, undefined where no interceptor has seen the call.
   */
  propagate: ((response: WsResponse) => void) | false | undefined;

  /**
   * Answers the client's acknowledgement.
   *
   * @throws what the encoder throws; the client can be answered again then
   */
  abstract acknowledge(answer: unknown): void;
}

/** The call that arguments of a handler belong to; undefined with another adapter. @internal */
export function callOf(args: readonly unknown[]): HandlerCall | undefined {
  const call = args[CALL_INDEX];
  return typeof call === 'object' && call !== null && CALL in call
    ? (call as HandlerCall)
    : undefined;
}
