/**
 * What the scripts of a bucket share. Its keys:
 *
 * | key           | type       | content                                                                      |
 * |---------------|------------|------------------------------------------------------------------------------|
 * | `users`       | hash       | user -> owners, joined by `,`; none of them: in the grace period             |
 * | `index`       | sorted set | the same users, in the order of their bytes                                  |
 * | `pending`     | sorted set | users that something is due for, by when (ms)                                |
 * | `status`      | hash       | user -> status, where one was set                                            |
 * | `seen`        | sorted set | users that went offline, by when (ms)                                        |
 * | `reports`     | hash       | `type:at:user` -> owner: changes handed out to it, until it says that it has them |
 * | `connections` | hash       | owner -> numbers of its latest connection and update; once it has ended `-` and since when (ms) |
 * | `sockets`     | hash       | user -> `owner/socket` of each, joined by `,`; only with a limit of sockets   |
 *
 * A `?` in front of the owners: it is not certain yet whether the user came online, or had been so before Redis lost
 * its data.
 *
 * ARGV begins with: channel, publish, how long the keys live after the last change (ms), the same for `seen` (ms), owner,
 * end of its lease (ms), number of its connection. A script ends with `keep(...)`, so that no key outlives the app.
 */
export const PRELUDE = `
local users, index, pending, statuses, seen, reports, connections, sockets = unpack(KEYS)
local channel, publish, keepMs, keepSeenMs, owner, lease, connection = unpack(ARGV, 1, 7)
local instance = string.match(owner, '^[^.]*')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changes = {}

-- Returns what it is given. An ACL user without PEXPIRE is no reason to fail: then the keys stay.
local function keep(reply)
  for _, key in ipairs(KEYS) do redis.pcall('PEXPIRE', key, key == seen and keepSeenMs or keepMs) end
  return reply
end

local latestUpdate = 0

local function remember(number)
  redis.call('HSET', connections, owner, connection .. ' ' .. string.format('%.0f', number))
end

-- Whether the owner has no say here any more. Else, from now on, what it sent before over another connection has none.
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

-- It stays in the reports until the owner has confirmed it: an answer may be lost, and an owner may end.
local function report(kind, user)
  tell(kind, user)
  redis.call('HSET', reports, string.format('%s:%.0f:%s', kind, now, user), owner)
end

-- What was handed out to an owner and may not have come to it.
local function unconfirmed(reporter, each)
  local handed = redis.call('HGETALL', reports)
  for i = 1, #handed, 2 do
    if handed[i + 1] == reporter then
      local kind, at, user = string.match(handed[i], '^(%l+):(%d+):(.*)$')
      changes[#changes + 1] = {kind, user, tonumber(at), ''}
      if each then each(handed[i]) end
    end
  end
end

local function read(user)
  local value = redis.call('HGET', users, user)
  if not value then return nil end
  local held = string.sub(value, 1, 1) == '?'
  local owners = {}
  for entry in string.gmatch(held and string.sub(value, 2) or value, '[^,]+') do
    owners[#owners + 1] = entry
  end
  return {held = held, owners = owners}
end

local function write(user, presence)
  local value = (presence.held and '?' or '') .. table.concat(presence.owners, ',')
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

local function known(user, presence)
  if not presence.held then return end
  presence.held = false
  redis.call('ZREM', pending, user)
end

local function nextDue()
  return redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')[2] or ''
end
`;

/** Takes an owner off a user. */
export const LEAVE = `
local function leave(user, leaver, grace, gone)
  local presence = read(user)
  if not presence then
    -- Reported since the data were lost, if it is known when the user was seen.
    if not gone or redis.call('ZSCORE', seen, user) then return end
    presence = {held = false, owners = {}}
  else
    local i = find(presence, leaver)
    if i then table.remove(presence.owners, i)
    elseif not gone then return end
    if gone then known(user, presence) end
  end
  write(user, presence)
  -- Where it is not certain whether the user came online, that is told first.
  if #presence.owners == 0 and not presence.held then redis.call('ZADD', pending, 'NX', now + grace, user) end
end
`;
