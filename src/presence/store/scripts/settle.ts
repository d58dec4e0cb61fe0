import { redisScript } from '../../../redis/redis-scripts.js';
import { LEAVE, PRELUDE } from './prelude.js';

/** How long a bucket remembers that an owner has ended, in ms: longer than any lease. */
const REMEMBERED_MS = 2 * 3_600_000;

/**
 * Ends the grace periods and tentative joins that are due. ARGV after those of the prelude: how long the last-seen time
 * is stored (ms), the end of the tentative joins after a data loss (nothing is due before), whether to redeliver
 * unacknowledged changes (1).
 */
export const SETTLE = redisScript(`${PRELUDE}
local retention, tentativeUntil = tonumber(ARGV[9]), tonumber(ARGV[10])
local refusal = refused()
if refusal then return {refusal, now, changes, ''} end
if ARGV[11] == '1' then unacknowledged(owner) end
if now < tentativeUntil then
  local next = nextDue()
  local nextAt = next ~= '' and string.format('%.0f', math.max(tonumber(next), tentativeUntil)) or ''
  return keep({'done', now, changes, nextAt})
end

local due = redis.call('ZRANGEBYSCORE', pending, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 500)
for i = 1, #due, 2 do
  local user, endsAt = due[i], due[i + 1]
  local presence = read(user)
  redis.call('ZREM', pending, user)
  if presence and presence.tentative then
    presence.tentative = false
    write(user, presence)
    report('online', user)
    if isInGrace(presence) then startGrace(user) end
  elseif presence and isInGrace(presence) then
    endGrace(user, endsAt, retention)
  end
end
if retention > 0 then redis.call('ZREMRANGEBYSCORE', seen, '-inf', now - retention) end
return keep({'done', now, changes, nextDue()})
`);

/** Removes acknowledged changes. ARGV after those of the prelude: the changes. */
export const REPORTED = redisScript(`${PRELUDE}
for i = 9, #ARGV do
  if redis.call('HGET', reports, ARGV[i]) == owner then redis.call('HDEL', reports, ARGV[i]) end
end
keep()
`);

/** Removes a dead owner from some users. ARGV after those of the prelude: dead owner, cursor, number of users. */
export const SWEEP = redisScript(`${PRELUDE}${LEAVE}
local dead, cursor, count = ARGV[9], ARGV[10], ARGV[11]
local refusal = refused()
if refusal then return {refusal, now, changes, '', cursor} end

if cursor == '0' then
  -- An owner that resigned before the end of its lease may still have calls in flight.
  local latest = redis.call('HGETALL', connections)
  for i = 1, #latest, 2 do
    local since = tonumber(string.match(latest[i + 1], '^%-(%d+)$'))
    if since and since < now - ${REMEMBERED_MS} then redis.call('HDEL', connections, latest[i]) end
  end
  redis.call('HSET', connections, dead, string.format('-%.0f', now))
  unacknowledged(dead, function(change) redis.call('HSET', reports, change, owner) end)
  local counted = redis.call('HGETALL', sockets)
  for i = 1, #counted, 2 do
    local left = {}
    for entry in string.gmatch(counted[i + 1], '[^,]+') do
      if string.match(entry, '^[^/]*') ~= dead then left[#left + 1] = entry end
    end
    local value = table.concat(left, ',')
    if value == '' then redis.call('HDEL', sockets, counted[i])
    elseif value ~= counted[i + 1] then redis.call('HSET', sockets, counted[i], value) end
  end
end

local scanned = redis.call('HSCAN', users, cursor, 'COUNT', count)
for i = 1, #scanned[2], 2 do
  if string.find(scanned[2][i + 1], dead, 1, true) then leave(scanned[2][i], dead, false) end
end
return keep({'done', now, changes, nextDue(), scanned[1]})
`);
