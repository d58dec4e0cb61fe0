import type { RedisClient } from '../options/redis-options.js';

/**
 * The version of Redis. It is requested once, when it is first needed; an ACL may forbid that.
 *
 * @internal
 */
export class ServerVersion {
  private known: string | null = null;
  private asked = false;

  constructor(private readonly client: RedisClient) {}

  get(): string | null {
    if (!this.asked && this.client.status === 'ready') {
      this.asked = true;
      // All clients of ioredis have it; nothing else in this library needs it.
      const { info } = this.client as { info?: (section: string) => Promise<string> };
      info?.call(this.client, 'server').then(
        (answer) => {
          this.known = versionIn(answer);
        },
        () => undefined,
      );
    }
    return this.known;
  }
}

/** @internal */
export function versionIn(info: string): string | null {
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  return valkey === undefined
    ? (/^redis_version:(\S+)/m.exec(info)?.[1] ?? null)
    : `valkey ${valkey}`;
}
