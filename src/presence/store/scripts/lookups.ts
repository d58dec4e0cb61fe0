import { redisScript } from '../../../redis/redis-scripts.js';
import { PRELUDE } from './prelude.js';

/** ARGV: as all, then user, status (empty: none). Returns whether the user is online, and the change. */
export const SET_STATUS = redisScript(`${PRELUDE}
local user, status = ARGV[8], ARGV[9]
if redis.call('HEXISTS', users, user) == 0 then return {0, changes} end
local before = redis.call('HGET', statuses, user) or ''
if status ~= before then
  if status == '' then
    redis.call('HDEL', statuses, user)
    tell('status', user)
  else
    redis.call('HSET', statuses, user, status)
    tell('status', user, status)
  end
end
return keep({1, changes})
`);

/** ARGV: users. Returns now, then for each: whether online, status, when last seen. */
export const LOOK = redisScript(`
local users, statuses, seen = KEYS[1], KEYS[4], KEYS[5]
local time = redis.call('TIME')
local answer = {time[1] * 1000 + math.floor(time[2] / 1000)}
for _, user in ipairs(ARGV) do
  answer[#answer + 1] = redis.call('HEXISTS', users, user)
  answer[#answer + 1] = redis.call('HGET', statuses, user) or ''
  answer[#answer + 1] = redis.call('ZSCORE', seen, user) or ''
end
return answer
`);

/** ARGV: after which user (as ZRANGEBYLEX takes it), how many. */
export const PAGE = redisScript(`
return redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
`);

export const COUNT = redisScript(`
return redis.call('HLEN', KEYS[1])
`);
