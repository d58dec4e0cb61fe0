import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { InMemoryBus, InMemoryPubSub } from '../../../src/testing/index.js';
import type { ResolvedPresenceOptions } from '../../../src/options/resolve-presence.js';
import {
  InMemoryPresenceStore,
  PresenceTable,
} from '../../../src/presence/store/in-memory-presence-store.js';
import { bucketOf } from '../../../src/presence/store/presence-buckets.js';
import type { Lease, Owner, PresenceStore } from '../../../src/presence/store/presence-store.js';
import { RedisPresenceStore } from '../../../src/presence/store/redis-presence-store.js';
import { RedisScripts } from '../../../src/redis/redis-scripts.js';
import { testRedisUrl } from '../test-cluster.js';
import { presenceOptions } from './presence-options.js';
import { PATIENCE_MS } from '../until.js';

export const KINDS = ['Redis', 'memory'] as const;

/** A prefix of user ids that are all in one bucket. */
export function usersOf(bucket: number, count: number, beginning: string): string[] {
  const users: string[] = [];
  for (let index = 0; users.length < count; index++) {
    const userId = `${beginning}${index}`;
    if (bucketOf(userId) === bucket) users.push(userId);
  }
  return users;
}

/** Presence stores without the services that use them. */
export class TestStores {
  readonly prefix = `test-${randomUUID()}`;
  readonly redis = new Redis(testRedisUrl());
  private readonly table = new PresenceTable();
  private readonly bus = new InMemoryBus();
  private readonly made: PresenceStore[] = [];

  private constructor(private readonly kind: (typeof KINDS)[number]) {}

  static async of(kind: (typeof KINDS)[number]): Promise<TestStores> {
    const stores = new TestStores(kind);
    await stores.redis.ping();
    return stores;
  }

  /** A store with these options, like that of an instance. All stores share their data. */
  with(options: Partial<ResolvedPresenceOptions> = {}): PresenceStore {
    const resolved = presenceOptions({
      graceMs: 0,
      lastSeenMs: 60_000,
      // No store renews a lease: it lasts longer than a test.
      leaseMs: 600_000,
      ...options,
    });
    const store =
      this.kind === 'Redis'
        ? new RedisPresenceStore(
            new RedisScripts(this.redis, PATIENCE_MS, `${this.prefix}:*`),
            this.prefix,
            false,
            resolved,
          )
        : new InMemoryPresenceStore(
            this.table,
            new InMemoryPubSub(this.bus),
            this.prefix,
            resolved,
          );
    this.made.push(store);
    return store;
  }

  /** The leases of a new owner and of one that returns. */
  async lease(store: PresenceStore, owner: Owner, connection = 0): Promise<Lease> {
    const { until } = await store.beat({ owner, data: undefined, claimUntil: 0 });
    return { owner, until, connection };
  }

  /** Deletes all data, like a Redis that is restarted empty. */
  async loseData(): Promise<void> {
    const keys = await this.redis.keys(`${this.prefix}:*`);
    if (keys.length > 0) await this.redis.unlink(...keys);
  }

  /** The keys of this test in Redis. */
  async keys(): Promise<string[]> {
    const keys = await this.redis.keys(`${this.prefix}:*`);
    return keys.map((key) => key.slice(`${this.prefix}:presence:`.length)).toSorted();
  }

  close(): void {
    for (const store of this.made) store.close();
    this.redis.disconnect();
  }
}
