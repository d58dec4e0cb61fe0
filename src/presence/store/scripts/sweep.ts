import { redisScript } from '../../../redis/redis-scripts.js';
import { LEAVE, PRELUDE } from './prelude.js';

/** How long a bucket remembers that an owner has ended, in ms: longer than any lease. */
const REMEMBERED_MS = 2 * 3_600_000;

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
