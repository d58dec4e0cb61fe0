import { PropagatorError, reasonOf } from '../errors.js';
import type { Reporter } from './reporter.js';

/**
 * Makes of work a promise that may be dropped. What goes wrong with Redis is reported where it does; the rest here.
 *
 * @internal
 */
export function settled<R>(reporter: Reporter, work: () => Promise<R>): Promise<R> {
  let promise: Promise<R>;
  try {
    promise = work();
  } catch (error) {
    promise = Promise.reject(error);
  }
  promise.catch((error: unknown) => {
    if (error instanceof PropagatorError && error.code.startsWith('redis.')) return;
    reporter.report('emit.refused', () => reasonOf(error));
  });
  return promise;
}
