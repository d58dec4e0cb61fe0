import { startRedis, type RedisOptions, type RunningRedis } from '../../scripts/redis/server.mjs';

/**
 * Starts a Redis for one test only, to be killed, paused or refused. The shared Redis is at `TEST_REDIS_URL`. Call
 * `stop()` at the end.
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
