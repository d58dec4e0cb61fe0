import { redisScript } from '../../../redis/redis-scripts.js';

/** How long it is remembered whom the others have given up: as long as a process may be frozen and come back. */
const REMEMBERED_MS = 24 * 3_600_000;

/**
 * The leases of all instances. KEYS: leases (owner -> end of its lease), sweeps (dead owner -> when to try again),
 * swept (dead owner -> since when), data (made anew whenever it is not there), hold (until when the instances may be
 * putting back what was lost), heard (owners that somebody listens to, or did a moment ago -> when they last said so).
 *
 * ARGV: owner, length of the lease (ms), the data that it knows (empty: none), until when it may give up others (ms),
 * how far the clocks may be apart (ms), whether somebody listens to it (1), how long the keys live after the last renewal
 * (ms), then the dead owners that it is looking after.
 */
export const BEAT = redisScript(`
local leases, sweeps, swept, data, hold, heard = unpack(KEYS)
local owner, length, known = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local claimUntil, skew, isHeard, keepMs = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local current = redis.call('GET', data)
if not current then
  current = string.format('%.0f.%s', now, owner)
  redis.call('SET', data, current)
end
local lost = known ~= '' and known ~= current
-- They have as much time for it as an instance has to live: all are told, the new ones, too.
local holdUntil = tonumber(string.match(current, '^%d+')) + length
if lost and now < holdUntil then redis.call('SET', hold, '', 'PX', string.format('%.0f', holdUntil - now), 'NX') end
if not redis.call('GET', hold) then holdUntil = 0 end
if not redis.call('ZSCORE', leases, owner) then
  local givenUp = redis.call('ZSCORE', sweeps, owner) or redis.call('ZSCORE', swept, owner)
  -- Nor is it there where a failover has lost it.
  if not givenUp and known == current then redis.call('ZADD', sweeps, 0, owner) end
  if givenUp or known == current then return {'swept', now, now, current, 0} end
end
redis.call('ZADD', leases, now + length, owner)
if isHeard then redis.call('HSET', heard, owner, string.format('%.0f', now)) end
if now <= claimUntil then
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now - skew, 'LIMIT', 0, 100)) do
    redis.call('ZREM', leases, dead)
    redis.call('ZADD', sweeps, 0, dead)
  end
end
for i = 8, #ARGV do
  if redis.call('ZSCORE', sweeps, ARGV[i]) then redis.call('ZADD', sweeps, now + length, ARGV[i]) end
end
redis.call('ZREMRANGEBYSCORE', swept, '-inf', now - ${REMEMBERED_MS})
local answer = {lost and 'lost' or 'held', now, now + length, current, holdUntil}
local left = redis.call('ZRANGEBYSCORE', sweeps, '-inf', now, 'LIMIT', 0, 2)
if #left > 0 then
  -- What there is to be said of their users is lost on an instance that nobody listens to. One that somebody does may be
  -- about to start again.
  local listened = redis.call('HGETALL', heard)
  for i = 1, #listened, 2 do
    if tonumber(listened[i + 1]) < now - 2 * length then redis.call('HDEL', heard, listened[i])
    elseif not isHeard then left = {} end
  end
end
for _, dead in ipairs(left) do
  -- Whoever looks after it may end, too: then another one tries.
  redis.call('ZADD', sweeps, now + length, dead)
  answer[#answer + 1] = dead
end
for _, key in ipairs(KEYS) do if key ~= hold then redis.pcall('PEXPIRE', key, keepMs) end end
return answer
`);

/** KEYS as above. ARGV: owner, how long the keys live (ms). */
export const RESIGN = redisScript(`
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then redis.call('ZADD', KEYS[2], 0, ARGV[1]) end
redis.pcall('PEXPIRE', KEYS[2], ARGV[2])
`);

/** KEYS as above. ARGV: dead owner, how long the keys live (ms). */
export const BURIED = redisScript(`
local time = redis.call('TIME')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], time[1] * 1000, ARGV[1])
redis.pcall('PEXPIRE', KEYS[3], ARGV[2])
`);
