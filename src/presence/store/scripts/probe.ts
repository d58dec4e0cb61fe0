import { redisScript, type RedisScript } from '../../../redis/redis-scripts.js';

/**
 * Runs each command of the other scripts once, so that a missing permission shows when the app starts. It leaves no data,
 * and its message has no subscriber. KEYS: a string, a hash and a sorted set; the first key is also the channel.
 */
export function probe(publish: string): RedisScript {
  return redisScript(`
local text, hash, set = unpack(KEYS)
redis.call('TIME')
redis.call('SET', text, '', 'PX', '1')
redis.call('GET', text)
redis.call('HSET', hash, 'a', '1')
for _, command in ipairs({'HGETALL', 'HLEN'}) do redis.call(command, hash) end
redis.call('HSCAN', hash, '0')
for _, command in ipairs({'HGET', 'HEXISTS', 'HDEL'}) do redis.call(command, hash, 'a') end
redis.call('ZADD', set, 1, 'a')
redis.call('ZRANGE', set, 0, -1)
redis.call('ZRANGEBYLEX', set, '-', '+')
redis.call('ZRANGEBYSCORE', set, '-inf', '+inf')
for _, command in ipairs({'ZSCORE', 'ZREM'}) do redis.call(command, set, 'a') end
redis.call('ZREMRANGEBYSCORE', set, '-inf', '+inf')
redis.call('${publish}', text, '')
`);
}
