import { randomUUID } from 'node:crypto';
import { redisScript, type RedisScripts } from '../../redis/redis-scripts.js';
import type { InstanceId } from '../../wire/envelope.js';
import type {
  InstanceRecord,
  InstanceRecords,
  ReadRecords,
  RecordBeat,
  RecordLimits,
  RecordState,
} from './instance-records.js';

/** How long the keys live after the last beat of all, in ms. */
const KEEP_KEYS_MS = 24 * 3_600_000;
/** The most that one call gives up or forgets. */
const MAX_AT_ONCE = 100;

/** How many records one command of the script reads. */
const READ_AT_ONCE = 500;

/**
 * Writes one record and reads the others. All instances read what all others write, so a record costs as little as
 * possible: its state, the version of its write and its text are one value, and many values are read by one command.
 *
 * KEYS: records (instance -> `a`, `e` or `l` for alive, ended or lost; the version of its last write; a space; its text), seen
 * (living instance -> its last beat, in ms), gone (instance that has ended or is lost -> when, in ms), written (instance ->
 * version of its last write), changed (instance -> version of its last change), about (`version`, and `data`: an id of this
 * data, made when it is missing).
 *
 * ARGV: instance, its text, the known version, the known data, an id for new data, time until an instance is lost (ms), time
 * for which records of instances that are gone stay (ms), whether silent instances may be given up (1), whether unchanged
 * records are read as well (1), whether this is the last record (1), lifetime of the keys (ms).
 *
 * Returns the version, the data, whether the records are all there are (1), their instances, and lists of their values.
 */
const BEAT = redisScript(`
local records, seen, gone, written, changed, about = unpack(KEYS)
local id, text, known, knownData, newData = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local timeout, kept, mayGiveUp, unchanged = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1', ARGV[9] == '1'
local isLast, keepMs = ARGV[10] == '1', ARGV[11]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local data = redis.call('HGET', about, 'data')
if not data then
  data = newData
  redis.call('HSET', about, 'data', data)
end
local version = redis.call('HINCRBY', about, 'version', 1)
local before = redis.call('HGET', records, id) or ''
local isSame = not isLast and string.match(before, '^a%d+ (.*)$') == text
redis.call('HSET', records, id, (isLast and 'e' or 'a') .. string.format('%.0f', version) .. ' ' .. text)
redis.call('ZADD', written, version, id)
if not isSame then redis.call('ZADD', changed, version, id) end
if isLast then
  redis.call('ZREM', seen, id)
  redis.call('ZADD', gone, now, id)
else
  redis.call('ZADD', seen, now, id)
  redis.call('ZREM', gone, id)
end
if mayGiveUp then
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now - timeout, 'LIMIT', 0, ${MAX_AT_ONCE})) do
    redis.call('ZREM', seen, other)
    redis.call('ZADD', gone, now, other)
    redis.call('ZADD', changed, version, other)
    local value = redis.call('HGET', records, other)
    if value then redis.call('HSET', records, other, 'l' .. string.sub(value, 2)) end
  end
end
for _, other in ipairs(redis.call('ZRANGEBYSCORE', gone, '-inf', now - kept, 'LIMIT', 0, ${MAX_AT_ONCE})) do
  redis.call('HDEL', records, other)
  redis.call('ZREM', gone, other)
  redis.call('ZREM', written, other)
  redis.call('ZREM', changed, other)
end
local isComplete = knownData ~= data
local from = '(' .. (isComplete and '0' or string.format('%.0f', known))
local ids = redis.call('ZRANGEBYSCORE', changed, from, '+inf')
if unchanged and not isComplete then
  local read = {}
  for _, other in ipairs(ids) do read[other] = true end
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', written, from, '+inf')) do
    if not read[other] then ids[#ids + 1] = other end
  end
end
local values = {}
for first = 1, #ids, ${READ_AT_ONCE} do
  local last = math.min(first + ${READ_AT_ONCE - 1}, #ids)
  values[#values + 1] = redis.call('HMGET', records, unpack(ids, first, last))
end
for _, key in ipairs(KEYS) do redis.pcall('PEXPIRE', key, keepMs) end
return {version, data, isComplete and 1 or 0, ids, values}
`);

const PARTS = ['records', 'seen', 'gone', 'written', 'changed', 'about'] as const;
const STATES = new Map<string, RecordState>([
  ['a', 'alive'],
  ['e', 'ended'],
  ['l', 'lost'],
]);

type Reply = [number, string, number, string[], (string | null)[][]];

/** The records in Redis: one script for a beat. On a Cluster all keys are in one slot. @internal */
export class RedisRecords implements InstanceRecords {
  private readonly keys: readonly string[];

  constructor(
    private readonly scripts: Pick<RedisScripts, 'run'>,
    prefix: string,
    private readonly instanceId: InstanceId,
    private readonly limits: RecordLimits,
  ) {
    this.keys = PARTS.map((part) => `${prefix}:members:{records}:${part}`);
  }

  async beat({ text, known, mayGiveUp, unchanged }: RecordBeat): Promise<ReadRecords> {
    const reply = await this.run(text, known, { mayGiveUp, unchanged, isLast: false });
    const [version, data, isComplete, ids, values] = reply as Reply;
    const texts = values.flat();
    const records = ids.flatMap((other, index) => {
      const record = other === this.instanceId ? undefined : recordIn(other, texts[index]);
      return record ?? [];
    });
    return { version, data, isComplete: isComplete === 1, records };
  }

  async end(text: string): Promise<void> {
    const known = { version: 0, data: '' };
    await this.run(text, known, { mayGiveUp: false, unchanged: false, isLast: true });
  }

  private run(
    text: string,
    known: RecordBeat['known'],
    flags: { mayGiveUp: boolean; unchanged: boolean; isLast: boolean },
  ): Promise<unknown> {
    const { memberTimeoutMs, keptMs } = this.limits;
    return this.scripts.run(BEAT, this.keys, [
      this.instanceId,
      text,
      known.version,
      known.data,
      randomUUID(),
      memberTimeoutMs,
      keptMs,
      Number(flags.mayGiveUp),
      Number(flags.unchanged),
      Number(flags.isLast),
      KEEP_KEYS_MS,
    ]);
  }
}

function recordIn(
  instanceId: InstanceId,
  value: string | null | undefined,
): InstanceRecord | undefined {
  const state = STATES.get(value?.[0] ?? '');
  const end = value?.indexOf(' ') ?? -1;
  if (state === undefined || !value || end < 0) return undefined;
  return { instanceId, state, version: Number(value.slice(1, end)), text: value.slice(end + 1) };
}
