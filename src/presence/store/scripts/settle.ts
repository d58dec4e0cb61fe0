import { redisScript } from '../../../redis/redis-scripts.js';
import { LEAVE, PRELUDE } from './prelude.js';

/**
 * ARGV: as all, then grace (ms), how long it is kept when a user was seen (ms), until when to hold: nothing is certain
 * before; whether what was handed out before is handed out again (1).
 */
export const SETTLE = redisScript(`${PRELUDE}
local grace, retention, holdUntil = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local refusal = refused()
if refusal then return {refusal, now, changes, ''} end
if ARGV[11] == '1' then unconfirmed(owner) end
if now < holdUntil then
  local next = nextDue()
  return keep({'done', now, changes, next ~= '' and string.format('%.0f', math.max(tonumber(next), holdUntil)) or ''})
end

local due = redis.call('ZRANGEBYSCORE', pending, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 500)
for i = 1, #due, 2 do
  local user, at = due[i], due[i + 1]
  local presence = read(user)
  redis.call('ZREM', pending, user)
  if presence and presence.held then
    presence.held = false
    write(user, presence)
    report('online', user)
    if #presence.owners == 0 then redis.call('ZADD', pending, now + grace, user) end
  elseif presence and #presence.owners == 0 then
    forget(user)
    if retention > 0 then redis.call('ZADD', seen, at - grace, user) end
    report('offline', user)
  end
end
if retention > 0 then redis.call('ZREMRANGEBYSCORE', seen, '-inf', now - retention) end
return keep({'done', now, changes, nextDue()})
`);

/** ARGV: as all, then the changes that the owner has. */
export const REPORTED = redisScript(`${PRELUDE}
for i = 8, #ARGV do
  if redis.call('HGET', reports, ARGV[i]) == owner then redis.call('HDEL', reports, ARGV[i]) end
end
keep()
`);

/** How long it is remembered in a bucket that an owner has ended: longer than any lease. */
const REMEMBERED_MS = 2 * 3_600_000;

/** ARGV: as all, then dead owner, cursor, grace (ms), users to look at. */
export const SWEEP = redisScript(`${PRELUDE}${LEAVE}
local dead, cursor, grace, count = ARGV[8], ARGV[9], tonumber(ARGV[10]), ARGV[11]
local refusal = refused()
if refusal then return {refusal, now, changes, '', cursor} end

if cursor == '0' then
  -- An owner that ended before its lease may have something under way still.
  local latest = redis.call('HGETALL', connections)
  for i = 1, #latest, 2 do
    local since = tonumber(string.match(latest[i + 1], '^%-(%d+)$'))
    if since and since < now - ${REMEMBERED_MS} then redis.call('HDEL', connections, latest[i]) end
  end
  redis.call('HSET', connections, dead, string.format('-%.0f', now))
  unconfirmed(dead, function(handed) redis.call('HSET', reports, handed, owner) end)
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
  if string.find(scanned[2][i + 1], dead, 1, true) then leave(scanned[2][i], dead, grace, false) end
end
return keep({'done', now, changes, nextDue(), scanned[1]})
`);
