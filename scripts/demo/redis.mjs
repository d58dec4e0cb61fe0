// @ts-check
import { acquireRedis } from '../redis/acquire.mjs';

/** @typedef {Awaited<ReturnType<typeof acquireRedis>>} MaybeRedis */

/**
 * Gets a Redis, or says why there is none.
 *
 * @param {boolean} inMemory do without
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
