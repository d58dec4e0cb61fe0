import type { Redis } from 'ioredis';
import { bucketOf, presenceChannel } from '../../../src/presence/store/presence-buckets.js';

/** The presence keys in Redis, read by the test. */
export class PresenceData {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
  ) {}

  /**
   * Differences from the expected state at rest: nothing due, no unacknowledged changes, and each user on the
   * instances that have a socket. Empty if there are none.
   *
   * @param instances running instances
   * @param where for each user the instances that have a socket
   */
  async unrest(
    instances: readonly string[],
    where: ReadonlyMap<string, readonly string[]>,
  ): Promise<string> {
    const of = (part: string): string => `${this.prefix}:presence:{leases}:${part}`;
    const leases = (await this.redis.zrange(of('leases'), '0', '-1')).map(instanceOf);
    if (listed(leases) !== listed(instances)) return `leases of ${listed(leases)}`;
    const sweeps = await this.redis.zrange(of('sweeps'), '0', '-1');
    if (sweeps.length > 0) return `${sweeps.join()} to be swept`;
    for (const [user, expected] of where) {
      const unrest = await this.unrestOf(user, expected);
      if (unrest !== '') return unrest;
    }
    return '';
  }

  private async unrestOf(user: string, expected: readonly string[]): Promise<string> {
    const key = presenceChannel(this.prefix, bucketOf(user));
    const pending = await this.redis.zscore(`${key}:pending`, user);
    if (pending !== null) return `${user} is due at ${pending}`;
    const reports = await this.redis.hgetall(`${key}:reports`);
    if (Object.keys(reports).length > 0) return `handed out: ${JSON.stringify(reports)}`;
    const value = await this.redis.hget(`${key}:users`, user);
    const owners = (value ?? '').split(',').filter(Boolean).map(instanceOf);
    if (listed(owners) === listed(expected)) return '';
    return `${user} is on ${listed(expected)}, not on ${listed(owners)}`;
  }
}

function instanceOf(owner: string): string {
  return owner.split('.', 1)[0] ?? owner;
}

function listed(names: readonly string[]): string {
  return names.toSorted().join() || 'none';
}
