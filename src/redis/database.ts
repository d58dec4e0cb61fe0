import { PropagatorError, reasonOf } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { textOf } from '../text.js';
import { guarded } from '../reporting/timers.js';

/** What ioredis says of the command in an error of Redis. */
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

/** ioredis would go on with the first database: such a connection is closed before it is ready, and opened again. @internal */
export function keepToItsDatabase(client: RedisClient): void {
  client.on(
    'error',
    guarded(ignore, (error: unknown) => {
      if (refusedDatabase(error) !== undefined) client.disconnect(true);
    }),
  );
}
