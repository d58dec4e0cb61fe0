import { redisScript, type RedisScript } from '../../redis/redis-scripts.js';

/**
 * Does once all that the other scripts do, so that a permission that is missing shows when the app starts. Nothing of it
 * is left, and nobody hears it. KEYS: a key, whose name is that of a channel, too.
 */
export function probe(publish: string): RedisScript {
  return redisScript(`
local key = KEYS[1]
redis.call('DEL', key)
redis.call('SET', key, '')
redis.call('GET', key)
redis.call('DEL', key)
redis.call('HSET', key, 'a', '1')
for _, command in ipairs({'HGET', 'HEXISTS', 'HDEL'}) do redis.call(command, key, 'a') end
for _, command in ipairs({'HGETALL', 'HLEN'}) do redis.call(command, key) end
redis.call('HSCAN', key, '0')
redis.call('DEL', key)
redis.call('ZADD', key, 1, 'a')
for _, command in ipairs({'ZSCORE', 'ZREM'}) do redis.call(command, key, 'a') end
for _, command in ipairs({'ZRANGEBYSCORE', 'ZREMRANGEBYSCORE'}) do redis.call(command, key, '-inf', '+inf') end
redis.call('ZRANGEBYLEX', key, '-', '+')
redis.call('ZRANGE', key, 0, -1)
redis.call('DEL', key)
redis.call('TIME')
redis.call('${publish}', key, '')
`);
}
