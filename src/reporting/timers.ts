import { isPromise } from '../kinds.js';

/**
 * The only way to create a timer in this library, or a listener on an emitter that it does not own: an error or a
 * rejection of the callback there would end the process. A test checks that no other file creates one directly.
 */

/** Receives the errors and rejections of a callback: mostly `reporter.failure(...)`. Must not throw. @internal */
export type Failed = (error: unknown) => void;

/** The same function, but it cannot throw. @internal */
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

/** `setImmediate`: runs after everything that has arrived is read. @internal */
export function soon(failed: Failed, act: () => unknown): NodeJS.Immediate {
  return setImmediate(guarded(failed, act));
}

/** Resolves after so many ms. @internal */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The result of {@link withinTime} if the work takes longer. @internal */
export const TIMED_OUT = Symbol('timed out');

/** Resolves to the result of the work, or after so many ms to {@link TIMED_OUT}. Rejects if the work does. @internal */
export async function withinTime(work: unknown, ms: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise((resolve) => {
    timer = setTimeout(resolve, ms, TIMED_OUT);
    // The timer must not keep a process alive whose app has closed its sockets.
    timer.unref();
  });
  try {
    return await Promise.race([work, bound]);
  } finally {
    clearTimeout(timer);
  }
}

/** `process.nextTick`: runs before anything else is read. @internal */
export function nextTick(failed: Failed, act: () => unknown): void {
  process.nextTick(guarded(failed, act));
}

/** Like {@link nextTick}, for a function that runs often: the result requests one run. @internal */
export function onNextTick(failed: Failed, act: () => unknown): () => void {
  const run = guarded(failed, act);
  return () => process.nextTick(run);
}
