import { redisScript } from '../../../redis/redis-scripts.js';
import { LEAVE, PRELUDE } from './prelude.js';

/**
 * ARGV: as all, then grace (ms), hold (ms), until when to hold (0: not known), number of this update (0: none), whether
 * what was handed out before is handed out again (1), then operation and user of each step.
 */
export const UPDATE = redisScript(`${PRELUDE}${LEAVE}
local grace, hold, holdUntil = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local number = tonumber(ARGV[11])
local refusal = refused()
if refusal then return {refusal, now, changes} end
local isDone = number > 0 and number <= latestUpdate
if isDone or ARGV[12] == '1' then unconfirmed(owner) end
-- Done before, and the answer was lost.
if isDone then return {'done', now, changes} end
if number > 0 then remember(number) end

local function join(user, operation)
  local presence = read(user)
  if not presence then
    write(user, {held = operation == 'hold', owners = {owner}})
    -- Who was seen offline since the data were lost has been reported so.
    if operation == 'join' or operation == 'restore' and redis.call('ZSCORE', seen, user) then report('online', user)
    elseif operation == 'hold' then redis.call('ZADD', pending, holdUntil > 0 and holdUntil or now + hold, user) end
    return
  end
  if not find(presence, owner) then
    if #presence.owners == 0 and not presence.held then redis.call('ZREM', pending, user) end
    presence.owners[#presence.owners + 1] = owner
  end
  if operation == 'restore' then known(user, presence) end
  write(user, presence)
end

for i = 13, #ARGV, 2 do
  local operation, user = ARGV[i], ARGV[i + 1]
  if operation == 'leave' or operation == 'gone' then
    leave(user, owner, grace, operation == 'gone')
  else
    join(user, operation)
  end
end
return keep({'done', now, changes})
`);
