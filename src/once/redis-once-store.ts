import { REDIS_NOW, redisScript, type RedisScripts } from '../redis/redis-scripts.js';
import {
  MAX_PER_USER,
  type OnceKey,
  type OnceState,
  type OnceStore,
  type OnceTimes,
} from './once-store.js';

/** Extends the life of the key, and never shortens it: an event of another handler may be kept for longer. */
const KEEP = `
local lives = math.max(runMs, keepMs)
if now + lives > (tonumber(redis.call('HGET', key, '~') or '') or 0) then
  redis.call('HSET', key, '~', string.format('%.0f', now + lives))
  redis.call('PEXPIRE', key, lives)
end`;

/**
 * KEYS: events of a user (field -> `r` for running or `d` for done; until when, in ms; a space; the runner or the answer;
 * `~` -> until when the key lives).
 * ARGV: field, runner, runMs, keepMs. Returns what to do, and the answer.
 */
const BEGIN = redisScript(`
local key, field, runner, runMs, keepMs = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
${REDIS_NOW}
local known = redis.call('HGET', key, field)
if known then
  local kind, ends, rest = string.match(known, '^(.)(%d+) (.*)$')
  if tonumber(ends) > now then return {kind, rest} end
elseif redis.call('HLEN', key) > ${MAX_PER_USER} then
  local oldest, oldestEnds
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local kind, ends = string.match(all[i + 1], '^(.)(%d+) ')
    ends = tonumber(ends)
    if ends and ends <= now then
      redis.call('HDEL', key, all[i])
    elseif ends and kind == 'd' and (not oldest or ends < oldestEnds) then
      oldest, oldestEnds = all[i], ends
    end
  end
  if redis.call('HLEN', key) > ${MAX_PER_USER} then
    if not oldest then return {'f', ''} end
    redis.call('HDEL', key, oldest)
  end
end
redis.call('HSET', key, field, 'r' .. string.format('%.0f', now + runMs) .. ' ' .. runner)
${KEEP}
return {'n', ''}
`);

/** KEYS: events of a user. ARGV: field, runner, keepMs (0: forget the event), the answer. */
const END = redisScript(`
local key, field, runner, keepMs, answer = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local known = redis.call('HGET', key, field)
if not known or string.match(known, '^r%d+ (.*)$') ~= runner then return 0 end
if keepMs == 0 then return redis.call('HDEL', key, field) end
${REDIS_NOW}
redis.call('HSET', key, field, 'd' .. string.format('%.0f', now + keepMs) .. ' ' .. answer)
local runMs = 0
${KEEP}
return 1
`);

const STATES = { n: 'run', r: 'running', f: 'full' } as const;

/** One hash for each user, so that a Cluster needs no more than one slot. @internal */
export class RedisOnceStore implements OnceStore {
  constructor(
    private readonly scripts: RedisScripts,
    private readonly prefix: string,
  ) {}

  async begin(
    { userId, field }: OnceKey,
    runner: string,
    { runMs, keepMs }: OnceTimes,
  ): Promise<OnceState> {
    const args = [field, runner, runMs, keepMs];
    const [state, answer] = (await this.scripts.run(BEGIN, [this.key(userId)], args)) as [
      'd' | keyof typeof STATES,
      string,
    ];
    return state === 'd' ? { state: 'answered', answer } : { state: STATES[state] };
  }

  async answer(
    { userId, field }: OnceKey,
    runner: string,
    answer: string,
    { keepMs }: OnceTimes,
  ): Promise<void> {
    await this.scripts.run(END, [this.key(userId)], [field, runner, keepMs, answer]);
  }

  async release({ userId, field }: OnceKey, runner: string): Promise<void> {
    await this.scripts.run(END, [this.key(userId)], [field, runner, 0, '']);
  }

  close(): void {
    this.scripts.close();
  }

  private key(userId: string): string {
    return `${this.prefix}:once:${userId}`;
  }
}
