/**
 * Stores a message once, however often it is sent, in one step: two instances that get the same message at the same
 * time agree on what was stored.
 *
 * KEYS: the stream of the room; the key that maps the sender's message to its stored id. ARGV: the maximum number
 * of messages, how many seconds to keep them, then the fields of the message. Returns the id of the message, which
 * contains the time of storing.
 */
export const APPEND_MESSAGE = `
local known = redis.call('GET', KEYS[2])
if known then return known end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], id, 'EX', 3600)
return id
`;
