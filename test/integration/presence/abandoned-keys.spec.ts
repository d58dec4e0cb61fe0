import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PresenceStore } from '../../../src/presence/store/presence-store.js';
import { bucketOf } from '../../../src/presence/store/presence-buckets.js';
import { TestStores } from '../../support/presence/test-stores.js';

const HOUR_MS = 3_600_000;
const LEASE_MS = 10_000;

describe('presence keys in Redis', () => {
  let stores: TestStores;
  let store: PresenceStore;
  const bucket = bucketOf('alice');

  beforeEach(async () => {
    stores = await TestStores.of('Redis');
    store = stores.with({ leaseMs: LEASE_MS, lastSeenMs: 100 * HOUR_MS });
  });
  afterEach(() => stores.close());

  /** The kinds of keys, by name, with their remaining time. */
  const lives = async (): Promise<Map<string, number>> => {
    const keys = await stores.redis.keys(`${stores.prefix}:presence:*`);
    const found = await Promise.all(
      keys.map(async (key) => [key.split(':').at(-1) ?? '', await stores.redis.pttl(key)] as const),
    );
    return new Map(found);
  };
  const shorten = async (): Promise<void> => {
    for (const key of await stores.redis.keys(`${stores.prefix}:presence:*`)) {
      await stores.redis.pexpire(key, HOUR_MS);
    }
  };

  it('live longer than any lease after the last change, and no longer than they are needed', async () => {
    const lease = await stores.lease(store, 'a.0');
    const heard = { owner: 'a.0', data: undefined, claimUntil: 0, hasSubscriber: true };
    await store.beat(heard);
    await store.update(bucket, lease, [{ operation: 'join', userId: 'alice' }]);
    await store.update(bucket, lease, [{ operation: 'hold', userId: 'alice' }]);
    await store.setStatus(bucket, 'alice', 'away', 'a.0');
    const socket = { userId: 'alice', socketId: 's1' };
    await store.admitSocket(bucket, lease, { ...socket, limit: 3, policy: 'disconnect-oldest' });
    const gone = stores.with({ leaseMs: LEASE_MS, graceMs: 0, lastSeenMs: 100 * HOUR_MS });
    await gone.update(bucket, lease, [{ operation: 'leave', userId: 'alice' }]);
    await gone.processDue(bucket, lease);
    await store.update(bucket, lease, [{ operation: 'join', userId: 'alice' }]);
    await store.setStatus(bucket, 'alice', 'away', 'a.0');
    await stores.lease(store, 'b.0');
    await store.resign('b.0');
    await store.sweepFinished('c.0');

    const found = await lives();
    expect([...found.keys()].toSorted()).toEqual([
      'connections',
      'data',
      'heard',
      'index',
      'leases',
      'reports',
      'seen',
      'sockets',
      'status',
      'sweeps',
      'swept',
      'users',
    ]);
    for (const [part, life] of found) {
      expect({ part, lasts: life > LEASE_MS + 24 * HOUR_MS }).toEqual({ part, lasts: true });
    }
    expect(found.get('seen')).toBeGreaterThan(99 * HOUR_MS);
    // A dead instance is known for as long as Redis has users of it.
    expect(found.get('leases')).toBeGreaterThan((found.get('users') ?? 0) + 24 * HOUR_MS);
  });

  it('are kept while an instance uses them', async () => {
    const lease = await stores.lease(store, 'a.0');
    await store.update(bucket, lease, [{ operation: 'join', userId: 'alice' }]);
    await shorten();
    await store.beat({ owner: 'a.0', data: undefined, claimUntil: 0 });
    await store.update(bucket, lease, [{ operation: 'restore', userId: 'alice' }]);
    for (const [part, life] of await lives()) {
      expect({ part, lasts: life > 24 * HOUR_MS }).toEqual({ part, lasts: true });
    }
    expect(await store.read(bucket, ['alice'])).toMatchObject([{ online: true }]);
  });
});
