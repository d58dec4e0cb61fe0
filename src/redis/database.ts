import { PropagatorError, reasonOf } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { textOf } from '../text.js';
import { guarded } from '../reporting/timers.js';

/** The command that ioredis names in an error of Redis. */
interface Refused {
  readonly command?: { readonly name?: unknown; readonly args?: readonly unknown[] };
}

/** The error of a connection whose database Redis refused; undefined for all others. @internal */
export function refusedDatabase(error: unknown): PropagatorError | undefined {
  const { command } = (error ?? {}) as Refused;
  if (command?.name !== 'select') return undefined;
  const database = textOf(command.args?.[0]);
  return PropagatorError.of('redis.database', [database, reasonOf(error)], error);
}

const ignore = (): void => {};

/**
 * Closes a connection whose database was refused before it is ready, and opens it again. ioredis would continue
 * with the first database. @internal
 */
export function keepToItsDatabase(client: RedisClient): void {
  client.on(
    'error',
    guarded(ignore, (error: unknown) => {
      if (refusedDatabase(error) !== undefined) client.disconnect(true);
    }),
  );
}
