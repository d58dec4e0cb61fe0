import { randomUUID } from 'node:crypto';
import { REDIS_NOW, redisScript, type RedisScripts } from '../../redis/redis-scripts.js';
import type { InstanceId } from '../../wire/envelope.js';
import {
  LONGEST_PAUSE,
  MAX_READ_BYTES,
  MAX_RECORD_BYTES,
  MAX_RECORDS,
  type InstanceRecord,
  type InstanceRecords,
  type KnownRecords,
  type ReadRecords,
  type RecordBeat,
  type RecordLimits,
  type RecordState,
} from './instance-records.js';

/** How long the keys live after the last beat of all, in ms. */
const KEEP_KEYS_MS = 24 * 3_600_000;
/** The most that one call gives up or forgets. */
const MAX_AT_ONCE = 100;

/** Up to this number, the records of instances that are gone count as few. */
const FEW_GONE = 1_000;

/** How many records one command of the script reads. */
const READ_AT_ONCE = 500;

/** Longer than the id of any instance. */
const MAX_ID_BYTES = 64;

/** A record in place of one that is too long. */
const TOO_LARGE = '!';

/**
 * Writes one record and reads the others. All instances read what all others write, so a record costs as little as
 * possible: its state, the version of its write and its text are one value, and many values are read by one command.
 *
 * KEYS: records (instance -> `a`, `e` or `l` for alive, ended or lost; the version of its last write; a space; its text), seen
 * (living instance -> its last beat, in ms), gone (instance that has ended or is lost -> when, in ms), written, changed, turned
 * (instance -> version of its last write, of its last change, and of the last change of its state), about (`version`; `data`: an
 * id of this data, made when it is missing; `at`: the last beat of all, in ms; `steady`: since when there was no long pause between
 * beats, in ms; `purged`: up to this version records are gone that a reader may not have seen; `renewed`: when the lifetime of the keys was set, in ms).
 *
 * ARGV: instance, its text, the known version, the version of the last read of changes, the known data, an id for new data, time
 * until an instance is lost (ms), time for which records of instances that are gone stay (ms), whether silent instances may be
 * given up (1), the records to read (`states`, `changes`, `writes`; `none` with the last record), lifetime of the keys (ms), time for which few records of instances that are
 * gone stay (ms).
 *
 * Returns the version, the data, whether the records are all there are (1), whether the own record was alive before (1), the
 * instances of the records, and lists of their values, with a sign in place of those that are too large.
 */
const BEAT = redisScript(`
local records, seen, gone, written, changed, turned, about = unpack(KEYS)
local id, text, known, knownChanges = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local knownData, newData, timeout, kept = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local mayGiveUp, read, keepMs = ARGV[9] == '1', ARGV[10], ARGV[11]
local isLast = read == 'none'
${REDIS_NOW}
local stored = redis.call('HMGET', about, 'data', 'at', 'steady', 'purged', 'renewed')
local data, at, steady, purged = stored[1], tonumber(stored[2] or ''), tonumber(stored[3] or ''), tonumber(stored[4] or '') or 0
local renewed = tonumber(stored[5] or '')
if not data then
  data = newData
  redis.call('HSET', about, 'data', data)
end
if not at or not steady or now < at or now - at > timeout * ${LONGEST_PAUSE} then
  steady = now
  redis.call('HSET', about, 'steady', string.format('%.0f', steady))
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', seen, '(' .. string.format('%.0f', now), '+inf')) do
    redis.call('ZADD', seen, now, other)
  end
end
redis.call('HSET', about, 'at', string.format('%.0f', now))
local version = redis.call('HINCRBY', about, 'version', 1)
local before = redis.call('HGET', records, id) or ''
local wasAlive = string.sub(before, 1, 1) == 'a'
local isSame = wasAlive and not isLast and string.match(before, '^a%d+ (.*)$') == text
redis.call('HSET', records, id, (isLast and 'e' or 'a') .. string.format('%.0f', version) .. ' ' .. text)
redis.call('ZADD', written, version, id)
if not isSame then redis.call('ZADD', changed, version, id) end
if isLast or not wasAlive then redis.call('ZADD', turned, version, id) end
if isLast then
  redis.call('ZREM', seen, id)
  redis.call('ZADD', gone, now, id)
else
  redis.call('ZADD', seen, now, id)
  if not wasAlive then redis.call('ZREM', gone, id) end
end
local makesKeys = isLast or not wasAlive or not renewed or now < renewed or now - renewed > tonumber(keepMs) / 4
if mayGiveUp and now - steady >= timeout then
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', string.format('%.0f', now - timeout), 'LIMIT', 0, ${MAX_AT_ONCE})) do
    makesKeys = true
    redis.call('ZREM', seen, other)
    redis.call('ZADD', gone, now, other)
    redis.call('ZADD', changed, version, other)
    redis.call('ZADD', turned, version, other)
    local value = redis.call('HGET', records, other)
    if value then redis.call('HSET', records, other, 'l' .. string.sub(value, 2)) end
  end
end
if redis.call('ZCARD', gone) <= ${FEW_GONE} then kept = math.max(kept, tonumber(ARGV[12])) end
local forgotten = redis.call('ZRANGEBYSCORE', gone, '-inf', string.format('%.0f', now - kept), 'LIMIT', 0, ${MAX_AT_ONCE})
for _, other in ipairs(forgotten) do
  purged = math.max(purged, tonumber(redis.call('ZSCORE', turned, other) or '0'))
  redis.call('HDEL', records, other)
  for _, set in ipairs({gone, written, changed, turned}) do redis.call('ZREM', set, other) end
end
if #forgotten > 0 then redis.call('HSET', about, 'purged', string.format('%.0f', purged)) end
if makesKeys then
  redis.call('HSET', about, 'renewed', string.format('%.0f', now))
  for _, key in ipairs(KEYS) do redis.pcall('PEXPIRE', key, keepMs) end
end
if isLast then return {version, data, 0, 1, {}, {}} end
local isComplete = knownData ~= data or known < purged or known > version
local ids, isRead = {}, {}
local function add(set, from)
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', set, from, '+inf', 'LIMIT', 0, ${MAX_RECORDS})) do
    if not isRead[other] and #other <= ${MAX_ID_BYTES} then
      isRead[other] = true
      ids[#ids + 1] = other
    end
  end
end
local after = function(number) return '(' .. string.format('%.0f', number) end
if isComplete then
  add(changed, '-inf')
else
  add(turned, after(known))
  if read ~= 'states' then add(changed, after(knownChanges)) end
  if read == 'writes' then add(written, after(known)) end
end
local values, size = {}, 0
for first = 1, #ids, ${READ_AT_ONCE} do
  local last = math.min(first + ${READ_AT_ONCE - 1}, #ids)
  local some = redis.call('HMGET', records, unpack(ids, first, last))
  for index, value in ipairs(some) do
    local length = value and #value or 0
    if length > ${MAX_RECORD_BYTES} or size + length > ${MAX_READ_BYTES} then
      some[index] = '${TOO_LARGE}'
    else
      size = size + length
    end
  end
  values[#values + 1] = some
end
return {version, data, isComplete and 1 or 0, wasAlive and 1 or 0, ids, values}
`);

const PARTS = ['records', 'seen', 'gone', 'written', 'changed', 'turned', 'about'] as const;
const STATES = new Map<string, RecordState>([
  ['a', 'alive'],
  ['e', 'ended'],
  ['l', 'lost'],
]);

type Reply = [number, string, number, number, string[], (string | null)[][]];

/** The records in Redis: one script for a beat. On a Cluster all keys are in one slot. @internal */
export class RedisRecords implements InstanceRecords {
  private readonly keys: readonly string[];
  /** The connection of the last beat. */
  private connection: number | undefined;

  constructor(
    private readonly scripts: Pick<RedisScripts, 'run' | 'connection' | 'close'>,
    prefix: string,
    private readonly instanceId: InstanceId,
    private readonly limits: RecordLimits,
  ) {
    this.keys = PARTS.map((part) => `${prefix}:members:{records}:${part}`);
  }

  async beat({ text, known, mayGiveUp, read }: RecordBeat): Promise<ReadRecords> {
    const { connection } = this.scripts;
    // Behind another connection there may be a server that has not got the last writes of the former one.
    const data = connection === this.connection ? known.data : '';
    const reply = await this.run(text, { ...known, data }, mayGiveUp, read);
    this.connection = connection;
    const [version, newData, complete, alive, ids, values] = reply;
    const isComplete = complete === 1;
    const texts = values.flat();
    const records = ids.flatMap((other, index) =>
      other === this.instanceId ? [] : recordIn(other, texts[index]),
    );
    const changesVersion = isComplete || read !== 'states' ? version : known.changesVersion;
    return { version, changesVersion, data: newData, isComplete, wasAlive: alive === 1, records };
  }

  async end(text: string): Promise<Pick<KnownRecords, 'version' | 'data'>> {
    const nothing = { version: 0, changesVersion: 0, data: '' };
    const [version, data] = await this.run(text, nothing, false, 'none');
    return { version, data };
  }

  close(): void {
    this.scripts.close();
  }

  private async run(
    text: string,
    known: KnownRecords,
    mayGiveUp: boolean,
    read: RecordBeat['read'] | 'none',
  ): Promise<Reply> {
    const { memberTimeoutMs, keptMs, fewKeptMs = keptMs } = this.limits;
    const reply = await this.scripts.run(BEAT, this.keys, [
      this.instanceId,
      text,
      known.version,
      known.changesVersion,
      known.data,
      randomUUID(),
      memberTimeoutMs,
      keptMs,
      Number(mayGiveUp),
      read,
      KEEP_KEYS_MS,
      fewKeptMs,
    ]);
    return reply as Reply;
  }
}

/** A value that no instance writes becomes a record with an empty text, which is no description. */
function recordIn(instanceId: InstanceId, value: string | null | undefined): InstanceRecord {
  if (value === TOO_LARGE) return { instanceId, state: 'alive', version: 0, text: undefined };
  const state = STATES.get(value?.[0] ?? '');
  const end = value?.indexOf(' ') ?? -1;
  const version = Number(value?.slice(1, end));
  if (state === undefined || !value || end < 0 || !Number.isSafeInteger(version)) {
    return { instanceId, state: 'alive', version: 0, text: '' };
  }
  return { instanceId, state, version, text: value.slice(end + 1) };
}
