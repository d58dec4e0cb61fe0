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

  /**
   * The acknowledgement, unless an exception filter sends another one: set by `@On` for an invalid message, and by `@Once` for
   * a repeated one.
   */
  refusal: unknown;

  /** Set by `@On`: validates a result of the handler, and returns it. @throws the error of a result that does not fit */
  check: ((result: unknown) => unknown) | undefined;

  /** The result that `@Once` keeps, which is validated. */
  kept: unknown;

  /** The id of an event that the client may send again: see `@Once`. */
  abstract readonly once: string | undefined;

  /**
   * Sends the acknowledgement to the client.
   *
   * @throws the error of the encoder; the acknowledgement can be sent again then
   */
  abstract acknowledge(answer: unknown): void;
}

/** The last argument of an event that a client may send again, before the acknowledgement. */
const ONCE_KEY = 'propagator:once';
const ONCE_ID = /^[\w-]{8,64}$/;

/** Takes the id off the arguments of an event. Undefined if it has none. @internal */
export function takeOnceId(args: unknown[]): string | undefined {
  const index = typeof args.at(-1) === 'function' ? args.length - 2 : args.length - 1;
  const last = args[index];
  if (typeof last !== 'object' || last === null || !Object.hasOwn(last, ONCE_KEY)) return undefined;
  const id = (last as Record<string, unknown>)[ONCE_KEY];
  if (typeof id !== 'string' || !ONCE_ID.test(id) || Object.keys(last).length > 1) return undefined;
  args.splice(index, 1);
  return id;
}

/** The call in the arguments of a handler; undefined with another adapter. @internal */
export function callOf(args: readonly unknown[]): HandlerCall | undefined {
  const call = args[CALL_INDEX];
  return typeof call === 'object' && call !== null && CALL in call
    ? (call as HandlerCall)
    : undefined;
}
