import { redisScript } from '../../../redis/redis-scripts.js';
import { PRELUDE } from './prelude.js';

/** ARGV after those of the prelude: user, status (empty: none). Returns whether the user is online, and the change. */
export const SET_STATUS = redisScript(`${PRELUDE}
local user, status = ARGV[9], ARGV[10]
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

/** ARGV: users. Returns now (ms), then for each user: whether online, status, last-seen time (ms). */
export const READ = redisScript(`
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

/** ARGV: lower bound of the range (as for ZRANGEBYLEX), maximum number of users. */
export const PAGE = redisScript(`
return redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
`);

export const COUNT = redisScript(`
return redis.call('HLEN', KEYS[1])
`);
