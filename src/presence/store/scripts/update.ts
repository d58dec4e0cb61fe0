import { redisScript } from '../../../redis/redis-scripts.js';
import { LEAVE, PRELUDE } from './prelude.js';

/**
 * Applies the steps of one update. ARGV after those of the prelude: how long a tentative join lasts (ms), when it ends
 * (ms since 1970; 0: unknown), the number of this update (0: none), whether to redeliver unacknowledged changes (1),
 * then operation and user of each step.
 */
export const UPDATE = redisScript(`${PRELUDE}${LEAVE}
local tentativeMs, tentativeUntil, number = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local refusal = refused()
if refusal then return {refusal, now, changes} end
local isDone = number > 0 and number <= latestUpdate
if isDone or ARGV[12] == '1' then unacknowledged(owner) end
-- A repeated update: it was applied, but its reply was lost.
if isDone then return {'done', now, changes} end
if number > 0 then remember(number) end

local function join(user, operation)
  local presence = read(user)
  if not presence then
    write(user, {tentative = operation == 'hold', owners = {owner}})
    -- A last-seen time means that the user was reported offline after the data loss.
    if operation == 'join' or operation == 'restore' and redis.call('ZSCORE', seen, user) then report('online', user)
    elseif operation == 'hold' then
      redis.call('ZADD', pending, tentativeUntil > 0 and tentativeUntil or now + tentativeMs, user)
    end
    return
  end
  if not find(presence, owner) then
    if isInGrace(presence) then cancelGrace(user) end
    presence.owners[#presence.owners + 1] = owner
  end
  if operation == 'restore' then confirm(user, presence) end
  write(user, presence)
end

-- A join writes no other keys. All are renewed when users leave, and with the update that registers them again.
local written = {users, index, reports, connections}
for i = 13, #ARGV, 2 do
  local operation, user = ARGV[i], ARGV[i + 1]
  if operation ~= 'join' then written = KEYS end
  if operation == 'leave' or operation == 'gone' then
    leave(user, owner, operation == 'gone')
  else
    join(user, operation)
  end
end
return keep({'done', now, changes}, written)
`);

/** Removes acknowledged changes. ARGV after those of the prelude: the changes. */
export const ACKNOWLEDGE = redisScript(`${PRELUDE}
for i = 9, #ARGV do
  if redis.call('HGET', reports, ARGV[i]) == owner then redis.call('HDEL', reports, ARGV[i]) end
end
`);
