import { REDIS_NOW, redisScript, type RedisScripts } from '../../redis/redis-scripts.js';
import type { InstanceId } from '../../wire/envelope.js';

/** A page of an instance that has ended. @internal */
export interface LeftPage {
  readonly text: string;
  /** The age of the page, in ms, by the clock of the store. */
  readonly ageMs: number;
}

/** The store in which instances that end leave their newest events, for instances that missed some of them. @internal */
export interface LeftHistories {
  /** Leaves the pages of this instance, all or none. They stay for `keptMs`. */
  leave(pages: readonly string[], keptMs: number): Promise<void>;
  /** Undefined: the page does not exist, or has more than `maxLength` characters. */
  read(instanceId: InstanceId, index: number, maxLength: number): Promise<LeftPage | undefined>;
  close(): void;
}

/** KEYS: the pages of the instance, a hash. ARGV: how long they stay (ms), then each page. */
const LEAVE = redisScript(`
${REDIS_NOW}
redis.call('HSET', KEYS[1], 'at', string.format('%.0f', now))
for i = 2, #ARGV do redis.call('HSET', KEYS[1], tostring(i - 2), ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`);

/** KEYS: the pages of the instance. ARGV: the index of one, its greatest length. Returns its age in ms and its text, or nothing. */
const READ = redisScript(`
${REDIS_NOW}
if redis.call('HSTRLEN', KEYS[1], ARGV[1]) > tonumber(ARGV[2]) then return {} end
local found = redis.call('HMGET', KEYS[1], 'at', ARGV[1])
if not found[1] or not found[2] then return {} end
return {now - (tonumber(found[1]) or now), found[2]}
`);

/** The left histories in Redis, with the permissions that the records need. @internal */
export class RedisLeftHistories implements LeftHistories {
  constructor(
    private readonly scripts: Pick<RedisScripts, 'run' | 'close'>,
    private readonly prefix: string,
    private readonly instanceId: InstanceId,
  ) {}

  async leave(pages: readonly string[], keptMs: number): Promise<void> {
    await this.scripts.run(LEAVE, [this.keyOf(this.instanceId)], [keptMs, ...pages]);
  }

  async read(
    instanceId: InstanceId,
    index: number,
    maxLength: number,
  ): Promise<LeftPage | undefined> {
    const reply = await this.scripts.run(READ, [this.keyOf(instanceId)], [index, maxLength]);
    const [ageMs, text] = reply as [number?, string?];
    if (ageMs === undefined || text === undefined) return undefined;
    return { text, ageMs: Math.max(0, ageMs) };
  }

  close(): void {
    this.scripts.close();
  }

  /** On a Cluster each instance has a slot of its own: no master carries all. */
  private keyOf(instanceId: InstanceId): string {
    return `${this.prefix}:members:{${instanceId}}:left`;
  }
}
