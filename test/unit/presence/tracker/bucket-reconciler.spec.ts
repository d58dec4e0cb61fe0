import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  InMemoryPresenceStore,
  PresenceTable,
} from '../../../../src/presence/store/in-memory-presence-store.js';
import { bucketOf } from '../../../../src/presence/store/presence-buckets.js';
import type { PresenceChange } from '../../../../src/presence/store/presence-change.js';
import type { Lease, UpdateFlags } from '../../../../src/presence/store/presence-store.js';
import {
  BucketReconciler,
  type BucketDeps,
} from '../../../../src/presence/tracker/bucket-reconciler.js';
import { InMemoryPubSub } from '../../../../src/redis/in-memory-pub-sub.js';
import { Deferred } from '../../../support/deferred.js';
import { presenceOptions } from '../../../support/presence/presence-options.js';

const OPTIONS = presenceOptions({
  graceMs: 100,
  leaseMs: 1_000,
  lastSeenMs: 0,
  heartbeatIntervalMs: 10,
});
const USER = 'alice';
const BUCKET = bucketOf(USER);
const LEASE: Lease = { owner: 'a.0', connection: 0, until: Infinity };

/** The store in memory, whose calls a test records, delays and fails. */
class RecordedStore extends InMemoryPresenceStore {
  readonly calls: string[] = [];
  readonly flags: UpdateFlags[] = [];
  /** Runs before the reply of an update, which is applied. */
  beforeReply: () => Promise<void> = async () => {};
  /** Runs before an update is applied. */
  beforeUpdate: () => Promise<void> = async () => {};

  override async update(
    ...[bucket, lease, steps, flags]: Parameters<BucketDeps['store']['update']>
  ): ReturnType<BucketDeps['store']['update']> {
    this.calls.push(steps.map(({ operation, userId }) => `${operation} ${userId}`).join());
    this.flags.push(flags ?? {});
    await this.beforeUpdate();
    const updated = await super.update(bucket, lease, steps);
    await this.beforeReply();
    return updated;
  }

  override async processDue(...args: Parameters<InMemoryPresenceStore['processDue']>) {
    this.calls.push('processDue');
    return super.processDue(...args);
  }

  override async acknowledge(...args: Parameters<InMemoryPresenceStore['acknowledge']>) {
    this.calls.push(`acknowledge ${args[2].map(({ type }) => type).join()}`);
    return super.acknowledge(...args);
  }
}

const failing = () => Promise.reject(new Error('no reply'));

describe('BucketReconciler', () => {
  let store: RecordedStore;
  let lease: Lease | undefined;
  let isHeld: boolean;
  let isTentative: boolean;
  let isWaiting: boolean;
  let reported: string[];
  let failures: unknown[];
  let leasesEnded: number;
  let bucket: BucketReconciler;
  beforeEach(() => {
    jest.useFakeTimers();
    store = new RecordedStore(new PresenceTable(), new InMemoryPubSub(), 'app', OPTIONS);
    lease = LEASE;
    isHeld = true;
    isTentative = isWaiting = false;
    reported = [];
    failures = [];
    leasesEnded = 0;
    bucket = new BucketReconciler(BUCKET, {
      store,
      options: OPTIONS,
      lease: () => lease,
      holds: () => isHeld,
      isTentative: () => isTentative,
      report: ({ type, userId }) => reported.push(`${type} ${userId}`),
      isWaiting: () => isWaiting,
      onLeaseEnded: () => leasesEnded++,
      onFailed: (error) => failures.push(error),
      processDueIn: (ms) => void setTimeout(() => bucket.processDue(), ms),
      nextTurn: async () => {},
    });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('reports a user online, then acknowledges the change', async () => {
    bucket.connected(USER);
    await bucket.whenUpdated();
    expect(store.calls).toEqual([`join ${USER}`, 'acknowledge online']);
    expect(reported).toEqual([`online ${USER}`]);
  });

  it('reports a user offline after the grace period, and keeps no state', async () => {
    bucket.connected(USER);
    bucket.disconnected(USER);
    await bucket.whenUpdated();
    expect(bucket.size).toBe(1);
    await jest.advanceTimersByTimeAsync(OPTIONS.graceMs - 1);
    expect(reported).toEqual([`online ${USER}`]);
    await jest.advanceTimersByTimeAsync(1);
    expect(reported).toEqual([`online ${USER}`, `offline ${USER}`]);
    expect(bucket.size).toBe(0);
  });

  it('does not report a user who returns within the grace period', async () => {
    bucket.connected(USER);
    await bucket.whenUpdated();
    bucket.disconnected(USER);
    await jest.advanceTimersByTimeAsync(OPTIONS.graceMs / 2);
    bucket.connected(USER);
    await jest.advanceTimersByTimeAsync(10 * OPTIONS.graceMs);
    expect(reported).toEqual([`online ${USER}`]);
  });

  it('sends changes during a call together with the next call', async () => {
    const reply = new Deferred();
    store.beforeReply = () => reply.promise;
    bucket.connected(USER);
    await jest.advanceTimersByTimeAsync(0);
    bucket.disconnected(USER);
    bucket.connected('bob');
    await jest.advanceTimersByTimeAsync(0);
    expect(store.calls).toEqual([`join ${USER}`]);
    reply.resolve();
    await bucket.whenUpdated();
    expect(store.calls.slice(0, 2)).toEqual([`join ${USER}`, `leave ${USER},join bob`]);
  });

  it('sends at most 500 users in one call', async () => {
    lease = undefined;
    for (let index = 0; index < 501; index++) bucket.connected(`user-${index}`);
    await bucket.whenUpdated();
    lease = LEASE;
    bucket.work();
    await bucket.whenUpdated();
    const sizes = store.calls.map((call) => call.split(',').length);
    expect(sizes.slice(0, 2)).toEqual([500, 1]);
  });

  it('makes no call without a lease', async () => {
    lease = undefined;
    bucket.connected(USER);
    await bucket.whenUpdated();
    expect(store.calls).toEqual([]);
    lease = LEASE;
    bucket.work();
    await bucket.whenUpdated();
    expect(reported).toEqual([`online ${USER}`]);
  });

  it('repeats a failed update with the same number, and asks for redelivery', async () => {
    store.beforeUpdate = failing;
    bucket.connected(USER);
    await bucket.whenUpdated();
    expect(failures).toHaveLength(1);
    bucket.disconnected(USER);
    store.beforeUpdate = async () => {};
    await bucket.whenUpdated();
    bucket.work();
    await bucket.whenUpdated();
    const [first, ...others] = store.calls.filter((call) => !call.startsWith('acknowledge'));
    expect([first, ...others.slice(-2)]).toEqual([`join ${USER}`, `join ${USER}`, `leave ${USER}`]);
    expect(new Set(store.flags.slice(0, -1).map(({ number }) => number))).toEqual(new Set([1]));
    expect(store.flags.at(-2)?.redeliver).toBe(true);
    expect(store.flags.at(-1)).toEqual({ number: 2, redeliver: false });
    expect(reported).toEqual([`online ${USER}`]);
  });

  it('does not report a reply that arrives after the lease, and repeats the update', async () => {
    store.beforeReply = async () => {
      isHeld = false;
    };
    bucket.connected(USER);
    await bucket.whenUpdated();
    expect(reported).toEqual([]);
    expect(leasesEnded).toBe(1);
    isHeld = true;
    store.beforeReply = async () => {};
    bucket.work();
    await bucket.whenUpdated();
    expect(store.calls).toEqual([`join ${USER}`, `join ${USER}`]);
    expect(store.flags.map(({ number, redeliver }) => [number, redeliver])).toEqual([
      [1, true],
      [1, true],
    ]);
  });

  it('keeps changes while they have to wait, and acknowledges none of them', async () => {
    isWaiting = true;
    bucket.connected(USER);
    await bucket.whenUpdated();
    expect(store.calls).toEqual([`join ${USER}`]);
    isWaiting = false;
    bucket.reportWaiting();
    await bucket.whenUpdated();
    expect(reported).toEqual([`online ${USER}`]);
    expect(store.calls.at(-1)).toBe('acknowledge online');
  });

  it('joins tentatively after a data loss', async () => {
    isTentative = true;
    bucket.connected(USER);
    await bucket.whenUpdated();
    expect(store.calls[0]).toBe(`hold ${USER}`);
  });

  it.each([
    { loss: false, connected: `restore ${USER}`, left: `leave ${USER}` },
    { loss: true, connected: `restore ${USER}`, left: `gone ${USER}` },
  ])('sends all users again (data lost: $loss)', async ({ loss, connected, left }) => {
    bucket.connected(USER);
    bucket.connected('bob');
    bucket.disconnected('bob');
    await bucket.whenUpdated();
    store.calls.length = 0;
    bucket.resend({ storeLostData: loss });
    await bucket.whenUpdated();
    expect(store.calls[0]).toBe([connected, left.replace(USER, 'bob')].join());
    expect(reported).toEqual([`online ${USER}`, 'online bob']);
  });

  it('registers connected users again after it was given up, and leaves the others', async () => {
    isWaiting = true;
    bucket.connected(USER);
    bucket.connected('bob');
    await bucket.whenUpdated();
    bucket.disconnected('bob');
    await bucket.whenUpdated();
    lease = { ...LEASE, owner: 'a.1' };
    store.calls.length = 0;
    bucket.givenUp();
    isWaiting = false;
    await bucket.whenUpdated();
    expect(store.calls).toEqual([`join ${USER}`]);
    // Their changes are reported by the instance that sweeps the old owner.
    expect(reported).toEqual([]);
    expect(bucket.size).toBe(1);
  });

  it('reports the changes of a sweep, and the end of the grace period after it', async () => {
    const dead = { ...LEASE, owner: 'dead.0' };
    await store.update(BUCKET, dead, [{ operation: 'join', userId: USER }]);
    expect(bucket.adopt(await store.sweep(BUCKET, LEASE, dead.owner), LEASE)).toBe(true);
    await jest.advanceTimersByTimeAsync(OPTIONS.graceMs);
    expect(reported).toEqual([`online ${USER}`, `offline ${USER}`]);
  });

  it('does not take over a sweep after its lease', async () => {
    const dead = { ...LEASE, owner: 'dead.0' };
    await store.update(BUCKET, dead, [{ operation: 'join', userId: USER }]);
    const swept = await store.sweep(BUCKET, LEASE, dead.owner);
    isHeld = false;
    expect(bucket.adopt(swept, LEASE)).toBe(false);
    expect(reported).toEqual([]);
    expect(leasesEnded).toBe(1);
  });

  it('reports a change of its own at once, without an acknowledgement for a status', async () => {
    const change: PresenceChange = {
      type: 'status',
      userId: USER,
      status: 'away',
      at: 0,
      instanceId: 'a',
    };
    bucket.reportOwn(change);
    await bucket.whenUpdated();
    expect(reported).toEqual([`status ${USER}`]);
    expect(store.calls).toEqual([]);
  });

  it('acknowledges its last reports when it ends', async () => {
    bucket.connected(USER);
    const { promise, resolve } = new Deferred();
    store.beforeReply = () => promise;
    await jest.advanceTimersByTimeAsync(0);
    lease = undefined;
    const end = bucket.end(LEASE.owner);
    resolve();
    await end;
    expect(store.calls).toEqual([`join ${USER}`, 'acknowledge online']);
    expect(reported).toEqual([`online ${USER}`]);
  });
});
