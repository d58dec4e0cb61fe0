import { REDIS_NOW } from '../../../redis/redis-scripts.js';
import { GRACE } from '../grace-period.js';

/**
 * Shared code of the scripts of a bucket. Its keys:
 *
 * | key           | type       | content                                                                      |
 * |---------------|------------|------------------------------------------------------------------------------|
 * | `users`       | hash       | user -> owners, joined by `,`; empty during the grace period                 |
 * | `index`       | sorted set | the same users, in byte order                                                |
 * | `pending`     | sorted set | user -> end of the grace period or of the tentative join (ms)                |
 * | `status`      | hash       | user -> status, for users who have one                                       |
 * | `seen`        | sorted set | offline users -> when they left (ms)                                         |
 * | `reports`     | hash       | `type:at:user` -> owner that reports the change, until it acknowledges it    |
 * | `connections` | hash       | owner -> numbers of its latest connection and update; after its end `-` and the time (ms) |
 * | `sockets`     | hash       | user -> `owner/socket` of each, joined by `,`; only with a socket limit      |
 *
 * A `?` before the owners marks a tentative user, who may have been online before Redis lost its data.
 *
 * ARGV begins with: channel, publish command, lifetime of the keys after the last change (ms), the same for `seen` (ms),
 * the argument of grace-period.ts, owner, end of its lease (ms), number of its connection. A script ends with
 * `keep(...)`, so that no key outlives the app, unless it only removes fields.
 */
export const PRELUDE = `
local users, index, pending, statuses, seen, reports, connections, sockets = unpack(KEYS)
local channel, publish, keepMs, keepSeenMs, grace, owner, lease, connection = unpack(ARGV, 1, 8)
local instance = string.match(owner, '^[^.]*')
${REDIS_NOW}
local changes = {}

-- Returns the reply. Without permission for PEXPIRE the keys stay, and the script still succeeds.
local function keep(reply, keys)
  for _, key in ipairs(keys or KEYS) do redis.pcall('PEXPIRE', key, key == seen and keepSeenMs or keepMs) end
  return reply
end

local latestUpdate = 0

local function remember(number)
  redis.call('HSET', connections, owner, connection .. ' ' .. string.format('%.0f', number))
end

-- Returns why calls of this owner have no effect, or nil. If nil, later calls over an earlier connection are refused.
local function refused()
  if now >= tonumber(lease) then return 'expired' end
  local latest, number = string.match(redis.call('HGET', connections, owner) or '', '^(%-?%d+) ?(%d*)$')
  latestUpdate = tonumber(number) or 0
  if latest == connection then return end
  if latest and (tonumber(latest) < 0 or tonumber(latest) > tonumber(connection)) then return 'stale' end
  remember(latestUpdate)
end

local function tell(kind, user, status)
  redis.call(publish, channel, cjson.encode({
    type = kind, userId = user, status = status or cjson.null, at = now, instanceId = instance
  }))
  changes[#changes + 1] = {kind, user, now, status or ''}
end

-- Keeps the change until the owner acknowledges it: a reply may be lost, and an owner may end.
local function report(kind, user)
  tell(kind, user)
  redis.call('HSET', reports, string.format('%s:%.0f:%s', kind, now, user), owner)
end

-- Adds the unacknowledged changes of an owner to the reply.
local function unacknowledged(reporter, each)
  local stored = redis.call('HGETALL', reports)
  for i = 1, #stored, 2 do
    if stored[i + 1] == reporter then
      local kind, at, user = string.match(stored[i], '^(%l+):(%d+):(.*)$')
      changes[#changes + 1] = {kind, user, tonumber(at), ''}
      if each then each(stored[i]) end
    end
  end
end

local function read(user)
  local value = redis.call('HGET', users, user)
  if not value then return nil end
  local tentative = string.sub(value, 1, 1) == '?'
  local owners = {}
  for entry in string.gmatch(tentative and string.sub(value, 2) or value, '[^,]+') do
    owners[#owners + 1] = entry
  end
  return {tentative = tentative, owners = owners}
end

local function write(user, presence)
  local value = (presence.tentative and '?' or '') .. table.concat(presence.owners, ',')
  if redis.call('HSET', users, user, value) == 1 then redis.call('ZADD', index, 0, user) end
end

local function forget(user)
  redis.call('HDEL', users, user)
  redis.call('HDEL', statuses, user)
  redis.call('ZREM', index, user)
end

local function find(presence, wanted)
  for i, entry in ipairs(presence.owners) do
    if entry == wanted then return i end
  end
end

-- Ends a tentative join: the user was online before the data loss.
local function confirm(user, presence)
  if not presence.tentative then return end
  presence.tentative = false
  redis.call('ZREM', pending, user)
end

local function nextDue()
  return redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')[2] or ''
end
${GRACE}`;

/** Removes an owner from a user. */
export const LEAVE = `
local function leave(user, leaver, gone)
  local presence = read(user)
  if not presence then
    -- A last-seen time means that the user was reported offline after the data loss.
    if not gone or redis.call('ZSCORE', seen, user) then return end
    presence = {tentative = false, owners = {}}
  else
    local i = find(presence, leaver)
    if i then table.remove(presence.owners, i)
    elseif not gone then return end
    if gone then confirm(user, presence) end
  end
  write(user, presence)
  -- A tentative user is reported online first.
  if isInGrace(presence) then startGrace(user) end
end
`;
