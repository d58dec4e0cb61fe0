// @ts-check
import { relative } from 'node:path';
import { acquireRedis } from '../redis/acquire.mjs';
import { findRedisServer } from '../redis/binary.mjs';

/** @typedef {Awaited<ReturnType<typeof acquireRedis>>} MaybeRedis */

/**
 * Gets a Redis, or the reason why there is none.
 *
 * @param {boolean} inMemory use no Redis
 * @returns {Promise<MaybeRedis>}
 */
export async function getRedis(inMemory) {
  return inMemory ? { url: null, reason: '--in-memory was asked for' } : acquireRedis();
}

/** @param {MaybeRedis} redis */
export function described(redis) {
  return redis.url === null
    ? `No Redis (${redis.reason}).\nBoth instances run in one process instead, over InMemoryPubSub.`
    : `Redis: ${redis.how === 'REDIS_URL' ? 'the one of REDIS_URL' : `${redis.url} (${redis.how})`}`;
}

/**
 * The command to reach it from a shell.
 *
 * @param {MaybeRedis} redis
 * @returns {Promise<string | null>}
 */
export async function commandLine(redis) {
  if (redis.url === null) return null;
  // A URL from the environment may contain a password.
  if (redis.how === 'REDIS_URL') return 'redis-cli -u "$REDIS_URL"';
  // A fetched Redis has its redis-cli next to it, and not on the PATH.
  const ours = redis.how.startsWith('redis-server');
  const cli = ours ? (await findRedisServer()).cli : 'redis-cli';
  return `${cli.includes('/') ? relative(process.env.INIT_CWD ?? '', cli) : cli} -u ${redis.url}`;
}
