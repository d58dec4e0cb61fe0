import { PropagatorError, reasonOf } from '../errors.js';
import { isError } from '../kinds.js';
import type { Reporter } from './reporter.js';

/** These have their own log line. */
const REPORTED = /^(?:redis|outbox)\./;

/**
 * Runs work whose promise may be ignored. Failures of Redis and of the outbox are reported at their source, all
 * others here. Never throws, as {@link rejecting}.
 *
 * @internal
 */
export function unawaited<R>(reporter: Reporter, work: () => Promise<R>): Promise<R> {
  const promise = rejecting(work);
  promise.catch((error: unknown) => {
    if (isOurs(error) && REPORTED.test(error.code)) return;
    reporter.report('emit.refused', () => reasonOf(error));
  });
  return promise;
}

/**
 * Runs work that reads arguments. Arguments may throw anything when they are read (a getter, an iterable, a revoked
 * proxy): the promise then rejects with `target.invalid`.
 *
 * @internal
 */
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

function refusalOf(thrown: unknown): PropagatorError {
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
