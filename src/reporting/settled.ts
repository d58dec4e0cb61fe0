import { PropagatorError, reasonOf } from '../errors.js';
import type { Reporter } from './reporter.js';

/** These have a log line of their own. */
const REPORTED = /^(?:redis|outbox)\./;

/**
 * Runs work whose promise may be dropped. Failures of Redis and of the outbox are reported where they happen, all others
 * here.
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
    if (error instanceof PropagatorError && REPORTED.test(error.code)) return;
    reporter.report('emit.refused', () => reasonOf(error));
  });
  return promise;
}
