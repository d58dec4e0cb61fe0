import { startRedis, type RedisOptions, type RunningRedis } from '../../scripts/redis/server.mjs';

/**
 * Starts a Redis for one test alone, to be killed, paused or refused; the shared one is at
 * `TEST_REDIS_URL`. Call `stop()` in the end.
 *
 * @param args arguments for redis-server, e.g. `['--requirepass', 'secret']`
 */
export async function startOwnRedis(
  args: string[] = [],
  options: Omit<RedisOptions, 'args'> = {},
): Promise<RunningRedis> {
  const bin = process.env['TEST_REDIS_SERVER_BIN'];
  return startRedis({ ...(bin ? { bin } : {}), ...options, args });
}

export type { RunningRedis };
