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
      infoOf(this.client, 'server').then(
        (answer) => {
          this.known = versionIn(answer);
        },
        () => undefined,
      );
    }
    return this.known;
  }
}

/** All clients of ioredis have this command, but the app's own type of a client may lack it. @internal */
export async function infoOf(client: RedisClient, section: string): Promise<string> {
  const { info } = client as { info?: (section: string) => Promise<string> };
  return (await info?.call(client, section)) ?? '';
}

/** @internal */
export function versionIn(info: string): string | null {
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  return valkey === undefined
    ? (/^redis_version:(\S+)/m.exec(info)?.[1] ?? null)
    : `valkey ${valkey}`;
}
