import { acquireRedis } from '../scripts/redis/acquire.mjs';
import { findRedisServer } from '../scripts/redis/binary.mjs';
import { bundleAll } from './support/bundled.mjs';

/**
 * Sets TEST_REDIS_URL for the tests and, if one is available, TEST_REDIS_SERVER_BIN: the redis-server that single
 * tests start themselves (see support/own-redis.ts).
 */
export default async function setup() {
  await bundleAll();
  const redis = await acquireRedis({ env: 'TEST_REDIS_URL' });
  if (redis.url === null) throw new Error(`The tests need a Redis. ${redis.reason}`);
  globalThis.__REDIS__ = redis;
  process.env.TEST_REDIS_URL = redis.url;
  console.log(`\nRedis for the tests: ${redis.url} (${redis.how})`);

  try {
    process.env.TEST_REDIS_SERVER_BIN = (await findRedisServer()).server;
  } catch (error) {
    console.warn(`Tests that need a Redis of their own will fail. ${error.message}`);
  }
}
