import { PropagatorError } from '../errors.js';

/** Whether Redis is away and may be back in a moment. @internal */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof PropagatorError &&
    (error.code === 'redis.unavailable' ||
      error.code === 'redis.timeout' ||
      error.code === 'redis.closed')
  );
}
