import { redisScript } from '../../../redis/redis-scripts.js';
import { PRELUDE } from './prelude.js';

/**
 * Ends the grace periods and tentative joins that are due. ARGV after those of the prelude: how long the last-seen time
 * is stored (ms), the end of the tentative joins after a data loss (nothing is due before), whether to redeliver
 * unacknowledged changes (1).
 */
export const PROCESS_DUE = redisScript(`${PRELUDE}
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
