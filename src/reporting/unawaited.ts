import { PropagatorError, reasonOf } from '../errors.js';
import { isError } from '../kinds.js';
import type { Reporter } from './reporter.js';

/** These have their own log line. */
const REPORTED = /^(?:redis|outbox)\./;

/**
 * Runs work whose promise may be ignored. Failures of Redis and of the outbox are reported at their source, all
 * others here. Never throws: arguments that cannot be read reject with `target.invalid`.
 *
 * @internal
 */
export function unawaited<R>(reporter: Reporter, work: () => Promise<R>): Promise<R> {
  let promise: Promise<R>;
  try {
    promise = work();
  } catch (thrown) {
    promise = Promise.reject(refusalOf(thrown));
  }
  promise.catch((error: unknown) => {
    if (isOurs(error) && REPORTED.test(error.code)) return;
    reporter.report('emit.refused', () => reasonOf(error));
  });
  return promise;
}

/** Reading arguments may throw anything: a getter, an iterable, a revoked proxy. @throws PropagatorError @internal */
export function refused(thrown: unknown): never {
  throw refusalOf(thrown);
}

/** Reads arguments. @throws PropagatorError `target.invalid` if they cannot be read @internal */
export function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    return refused(thrown);
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
