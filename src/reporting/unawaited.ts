import { PropagatorError, reasonOf } from '../errors.js';
import { isError } from '../kinds.js';
import type { Reporter } from './reporter.js';

/** These have their own log line. */
const REPORTED = /^(?:redis|outbox)\./;

/**
 * Reports the failure of a promise that may be ignored, and returns the promise. Failures of Redis and of the outbox are
 * reported at their source.
 *
 * @internal
 */
export function unawaited<R>(reporter: Reporter, promise: Promise<R>): Promise<R> {
  promise.catch((error: unknown) => {
    if (isOurs(error) && REPORTED.test(error.code)) return;
    reporter.report('emit.refused', () => reasonOf(error));
  });
  return promise;
}

/** Runs a function that reads arguments. Turns an error that it throws into a rejection, see {@link refusalOf}. @internal */
export function rejecting<R>(work: () => Promise<R>): Promise<R> {
  try {
    return work();
  } catch (thrown) {
    return Promise.reject(refusalOf(thrown));
  }
}

/** Reads arguments. @throws PropagatorError `target.invalid` if they cannot be read @internal */
export function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw refusalOf(thrown);
  }
}

/** How many users or rooms one call may name. An iterable may be endless. */
const MAX_NAMED = 1_000_000;

/**
 * Reads a list of arguments, and checks each of them.
 *
 * @throws PropagatorError `target.invalid` if it is too long, or cannot be read; also any error of `check`
 * @internal
 */
export function listed<T>(name: string, given: Iterable<unknown>, check: (one: unknown) => T): T[] {
  return readable(() => {
    const list: T[] = [];
    for (const one of given) {
      if (list.length >= MAX_NAMED) {
        const remedy = 'Call it several times, with fewer of them.';
        throw PropagatorError.of('target.invalid', [name, `more than ${MAX_NAMED}`, remedy]);
      }
      list.push(check(one));
    }
    return list;
  });
}

/**
 * Converts an error that was thrown while arguments were read. A PropagatorError stays as it is. Anything else comes from
 * the arguments (a getter, an iterable, a revoked proxy), and becomes `target.invalid`.
 *
 * @internal
 */
export function refusalOf(thrown: unknown): PropagatorError {
  if (isOurs(thrown)) return thrown;
  const remedy = 'Pass plain objects, arrays and strings.';
  return PropagatorError.of('target.invalid', ['arguments', reasonOf(thrown), remedy], thrown);
}

function isOurs(thrown: unknown): thrown is PropagatorError {
  try {
    return isError(thrown) && thrown instanceof PropagatorError;
  } catch {
    return false;
  }
}
