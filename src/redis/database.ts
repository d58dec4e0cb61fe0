import { PropagatorError, reasonOf } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { textOf } from '../text.js';
import { guarded } from '../reporting/timers.js';
import { refusedCommand } from './ioredis-internals.js';

/** The error of a connection whose database Redis refused; undefined for all others. @internal */
export function refusedDatabase(error: unknown): PropagatorError | undefined {
  const { name, args } = refusedCommand(error);
  if (name !== 'select') return undefined;
  const database = textOf(args?.[0]);
  return PropagatorError.of('redis.database', [database, reasonOf(error)], error);
}

const ignore = (): void => {};

/**
 * Closes a connection whose database was refused before it is ready, and opens it again. ioredis would continue
 * with the first database. @internal
 */
export function reopenOnRefusedDatabase(client: RedisClient): void {
  client.on(
    'error',
    guarded(ignore, (error: unknown) => {
      if (refusedDatabase(error) !== undefined) client.disconnect(true);
    }),
  );
}
