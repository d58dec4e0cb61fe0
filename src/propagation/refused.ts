import { PropagatorError, reasonOf } from '../errors.js';
import { isError } from '../kinds.js';

/** Arguments may throw anything when they are read: a getter, an iterable, a revoked proxy. @throws PropagatorError @internal */
export function refused(thrown: unknown): never {
  if (isOurs(thrown)) throw thrown;
  const remedy = 'Pass plain objects, arrays and strings.';
  throw PropagatorError.of('target.invalid', ['arguments', reasonOf(thrown), remedy], thrown);
}

function isOurs(thrown: unknown): boolean {
  try {
    return isError(thrown) && thrown instanceof PropagatorError;
  } catch {
    return false;
  }
}
