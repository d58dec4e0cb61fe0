import { redisScript } from '../../../redis/redis-scripts.js';
import { PRELUDE } from './prelude.js';

/** Counts a socket. ARGV after those of the prelude: user, socket, limit, policy. */
export const ADMIT_SOCKET = redisScript(`${PRELUDE}
local user, socket, limit, policy = ARGV[9], ARGV[10], tonumber(ARGV[11]), ARGV[12]
if refused() then return {'refused'} end
local mine = owner .. '/' .. socket
local entries = {}
local moved = false
for entry in string.gmatch(redis.call('HGET', sockets, user) or '', '[^,]+') do
  if entry == mine then return {'admitted'} end
  -- Connection recovery: the client has left another instance, whose release may come later.
  if string.match(entry, '/(.*)$') == socket then
    entry = mine
    moved = true
  end
  entries[#entries + 1] = entry
end
if moved then
  redis.call('HSET', sockets, user, table.concat(entries, ','))
  return keep({'admitted'})
end
if policy == 'reject-new' and #entries >= limit then return {'rejected'} end
entries[#entries + 1] = mine
local answer = {'admitted'}
while policy == 'disconnect-oldest' and #entries > limit do
  answer[#answer + 1] = string.match(table.remove(entries, 1), '/(.*)$')
end
redis.call('HSET', sockets, user, table.concat(entries, ','))
return keep(answer)
`);

/** Stops counting a socket. ARGV after those of the prelude: user, socket. */
export const RELEASE_SOCKET = redisScript(`${PRELUDE}
local user, mine = ARGV[9], owner .. '/' .. ARGV[10]
refused()
local left = {}
for entry in string.gmatch(redis.call('HGET', sockets, user) or '', '[^,]+') do
  if entry ~= mine then left[#left + 1] = entry end
end
if #left == 0 then redis.call('HDEL', sockets, user)
else redis.call('HSET', sockets, user, table.concat(left, ',')) end
keep()
`);
