import { REDIS_NOW, redisScript } from '../../../redis/redis-scripts.js';

/** How long a swept owner is remembered, in ms: a process may be frozen for this long and return. */
const REMEMBERED_MS = 24 * 3_600_000;

/**
 * Renews a lease. KEYS: leases (owner -> end of its lease), sweeps (dead owner -> next attempt to sweep it), swept (dead
 * owner -> end of its sweep), data (an id, created when it is missing), hold (exists after a data loss, while joins are
 * tentative), heard (owner with a subscriber -> its last heartbeat with one). All times in ms since 1970.
 *
 * ARGV: owner, length of the lease (ms), the data id that the owner knows (empty: none), until when it may give up others
 * (ms since 1970), clock difference (ms), whether the owner has a subscriber (1), lifetime of the keys after the last
 * renewal (ms), then the dead owners that it is sweeping.
 */
export const BEAT = redisScript(`
local leases, sweeps, swept, data, hold, heard = unpack(KEYS)
local owner, length, known = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local claimUntil, skew, isHeard, keepMs = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7]
${REDIS_NOW}
local current = redis.call('GET', data)
if not current then
  current = string.format('%.0f.%s', now, owner)
  redis.call('SET', data, current)
end
local lost = known ~= '' and known ~= current
-- Joins are tentative for the length of a lease. Every instance gets this time, including new ones.
local tentativeUntil = tonumber(string.match(current, '^%d+')) + length
if lost and now < tentativeUntil then
  redis.call('SET', hold, '', 'PX', string.format('%.0f', tentativeUntil - now), 'NX')
end
if not redis.call('GET', hold) then tentativeUntil = 0 end
if not redis.call('ZSCORE', leases, owner) then
  local givenUp = redis.call('ZSCORE', sweeps, owner) or redis.call('ZSCORE', swept, owner)
  -- A failover may have lost the lease: sweep the owner, too.
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
local answer = {lost and 'lost' or 'held', now, now + length, current, tentativeUntil}
local left = redis.call('ZRANGEBYSCORE', sweeps, '-inf', now, 'LIMIT', 0, 2)
if #left > 0 then
  -- Changes of their users would be lost on an instance without a subscriber. An instance with one may be restarting, so
  -- its entry stays for two leases.
  local listened = redis.call('HGETALL', heard)
  for i = 1, #listened, 2 do
    if tonumber(listened[i + 1]) < now - 2 * length then redis.call('HDEL', heard, listened[i])
    elseif not isHeard then left = {} end
  end
end
for _, dead in ipairs(left) do
  -- If this instance ends during the sweep, another one tries after the length of a lease.
  redis.call('ZADD', sweeps, now + length, dead)
  answer[#answer + 1] = dead
end
for _, key in ipairs(KEYS) do if key ~= hold then redis.pcall('PEXPIRE', key, keepMs) end end
return answer
`);

/** Ends a lease. KEYS as above. ARGV: owner, lifetime of the keys (ms). */
export const RESIGN = redisScript(`
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then redis.call('ZADD', KEYS[2], 0, ARGV[1]) end
redis.pcall('PEXPIRE', KEYS[2], ARGV[2])
`);

/** Marks a dead owner as swept. KEYS as above. ARGV: dead owner, lifetime of the keys (ms). */
export const SWEEP_FINISHED = redisScript(`
local time = redis.call('TIME')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], time[1] * 1000, ARGV[1])
redis.pcall('PEXPIRE', KEYS[3], ARGV[2])
`);
