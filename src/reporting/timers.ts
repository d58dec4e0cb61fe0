import { isPromise } from '../kinds.js';

/**
 * The only way to a timer in this library, and to a listener of an emitter that is not its own: what a callback throws
 * there, or rejects with, would end the process. A test holds that no other file has a bare one.
 */

/** Takes what a callback throws, or rejects with: `reporter.failure(...)`, most of the time. Must not throw. @internal */
export type Failed = (error: unknown) => void;

/** The same function, except that it cannot throw. @internal */
export function guarded<A extends unknown[]>(
  failed: Failed,
  act: (...args: A) => unknown,
): (...args: A) => void {
  return (...args) => {
    try {
      const done = act(...args);
      if (isPromise(done)) done.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  };
}

/** `setTimeout`. @internal */
export function after(ms: number, failed: Failed, act: () => unknown): NodeJS.Timeout {
  return setTimeout(guarded(failed, act), ms);
}

/** `setInterval`. @internal */
export function every(ms: number, failed: Failed, act: () => unknown): NodeJS.Timeout {
  return setInterval(guarded(failed, act), ms);
}

/** `setImmediate`: once what has arrived by now is read. @internal */
export function soon(failed: Failed, act: () => unknown): NodeJS.Immediate {
  return setImmediate(guarded(failed, act));
}

/** `process.nextTick`: before anything else is read. @internal */
export function nextTick(failed: Failed, act: () => unknown): void {
  process.nextTick(guarded(failed, act));
}
