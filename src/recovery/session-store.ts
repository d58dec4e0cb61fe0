import type { RedisClients } from '../redis/client-factory.js';
import { redisScript, RedisScripts } from '../redis/redis-scripts.js';

/** Texts in Redis that outlive the instance that wrote them. @internal */
export interface SessionStore {
  put(name: string, text: string, keptMs: number): Promise<void>;
  /** Removes a text and resolves to it: one caller gets it. Undefined: there is none, or it is longer than `maxLength`. */
  take(name: string, maxLength: number): Promise<string | undefined>;
  /** As {@link take}, without removing it. */
  read(name: string, maxLength: number): Promise<string | undefined>;
  close(): void;
}

/** KEYS: a text, as a hash with one field. ARGV: the text, how long it stays (ms). */
const PUT = redisScript(`
redis.call('HSET', KEYS[1], 'text', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`);

/** KEYS: a text. ARGV: its greatest length, whether to remove it (1). */
const GET = redisScript(`
if redis.call('HSTRLEN', KEYS[1], 'text') > tonumber(ARGV[1]) then return false end
local text = redis.call('HGET', KEYS[1], 'text')
if text and ARGV[2] == '1' then redis.call('HDEL', KEYS[1], 'text') end
return text
`);

/** A store of texts. On a Cluster each text has a slot of its own: no master carries all. @internal */
export class RedisSessionStore implements SessionStore {
  constructor(
    private readonly scripts: Pick<RedisScripts, 'run' | 'close'>,
    private readonly prefix: string,
  ) {}

  static of(
    { publisher }: RedisClients,
    { prefix, publishTimeoutMs }: { readonly prefix: string; readonly publishTimeoutMs: number },
  ): RedisSessionStore {
    const use = { consequence: 'clients that come back get new connections', publish: false };
    const scripts = new RedisScripts(publisher, publishTimeoutMs, `${prefix}:recovery:*`, use);
    return new RedisSessionStore(scripts, prefix);
  }

  async put(name: string, text: string, keptMs: number): Promise<void> {
    await this.scripts.run(PUT, [this.keyOf(name)], [text, Math.ceil(keptMs)]);
  }

  take(name: string, maxLength: number): Promise<string | undefined> {
    return this.get(name, maxLength, true);
  }

  read(name: string, maxLength: number): Promise<string | undefined> {
    return this.get(name, maxLength, false);
  }

  close(): void {
    this.scripts.close();
  }

  private async get(name: string, maxLength: number, takes: boolean): Promise<string | undefined> {
    const reply = await this.scripts.run(GET, [this.keyOf(name)], [maxLength, Number(takes)]);
    return typeof reply === 'string' ? reply : undefined;
  }

  private keyOf(name: string): string {
    return `${this.prefix}:recovery:${name}`;
  }
}
