import { PropagatorError } from '../errors.js';

/** Whether Redis may take the same thing in a moment: it was away, or did not answer. @internal */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof PropagatorError &&
    (error.code === 'redis.unavailable' || error.code === 'redis.timeout')
  );
}
