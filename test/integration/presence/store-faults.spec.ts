import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ResolvedPresenceOptions } from '../../../src/options/resolve-presence.js';
import { bucketOf, presenceChannel } from '../../../src/presence/store/presence-buckets.js';
import type {
  Lease,
  PresenceOperation,
  PresenceStore,
  Updated,
} from '../../../src/presence/store/presence-store.js';
import { TestStores } from '../../support/presence/test-stores.js';
import { until } from '../../support/until.js';

const BUCKET = bucketOf('alice');

const shown = ({ state, changes }: Updated): string[] => [
  state,
  ...changes.map(({ type, userId }) => `${type} ${userId}`),
];

describe('the presence store in Redis', () => {
  let stores: TestStores;
  let store: PresenceStore;
  let a: Lease;
  let b: Lease;
  beforeEach(async () => {
    stores = await TestStores.of('Redis');
  });
  afterEach(() => stores.close());

  const start = async (options: Partial<ResolvedPresenceOptions> = {}): Promise<void> => {
    store = stores.with(options);
    a = await stores.lease(store, 'a.0');
    b = await stores.lease(store, 'b.0');
  };
  const update = async (lease: Lease, ...operations: PresenceOperation[]): Promise<string[]> => {
    const steps = operations.map((operation) => ({ operation, userId: 'alice' }));
    return shown(await store.update(BUCKET, lease, steps));
  };
  const settle = async (lease: Lease): Promise<string[]> =>
    shown(await store.processDue(BUCKET, lease));
  const sweep = async (lease: Lease, dead: string): Promise<string[]> =>
    shown(await store.sweep(BUCKET, lease, dead, undefined));
  const confirm = async (lease: Lease): Promise<void> => {
    const { changes } = await store.update(BUCKET, lease, []);
    await store.acknowledge(BUCKET, lease.owner, changes);
  };
  const isOnline = async (): Promise<boolean | undefined> =>
    (await store.read(BUCKET, ['alice']))[0]?.online;
  const settlesTo = async (...changes: string[]): Promise<void> => {
    let last: string[] = [];
    await until(
      async () => {
        a = await stores.lease(store, 'a.0');
        last = await settle(a);
        return last.length > 1;
      },
      () => 'something to become due',
    );
    expect(last).toEqual(['done', ...changes]);
  };

  /** Two instances that know that the data were lost. */
  const startAnew = async (options: Partial<ResolvedPresenceOptions> = {}): Promise<void> => {
    await start({ graceMs: 0, ...options });
    await stores.loseData();
    a = await stores.lease(store, 'a.0');
    b = await stores.lease(store, 'b.0');
  };

  describe('changes in the reply to an update', () => {
    it('are redelivered with each reply until they are acknowledged, and only to their owner', async () => {
      await start();
      expect(await update(a, 'join')).toEqual(['done', 'online alice']);
      expect(await update(b, 'join')).toEqual(['done']);
      expect(await update(a, 'join')).toEqual(['done', 'online alice']);
      expect(await settle(b)).toEqual(['done']);
      expect(await settle(a)).toEqual(['done', 'online alice']);
      await confirm(a);
      expect(await update(a)).toEqual(['done']);
      expect(await settle(a)).toEqual(['done']);
    });

    it('are redelivered only on request', async () => {
      await start();
      const [first] = (await store.update(BUCKET, a, [{ operation: 'join', userId: 'alice' }]))
        .changes;
      expect(first).toMatchObject({ type: 'online', userId: 'alice' });

      expect((await store.update(BUCKET, a, [], { redeliver: false })).changes).toEqual([]);
      expect((await store.processDue(BUCKET, a, false)).changes).toEqual([]);
      expect((await store.update(BUCKET, a, [], { redeliver: true })).changes).toEqual([first]);
      expect((await store.processDue(BUCKET, a, true)).changes).toEqual([first]);
    });

    it('keep the time when they happened', async () => {
      await start();
      const [first] = (await store.update(BUCKET, a, [{ operation: 'join', userId: 'alice' }]))
        .changes;
      await until(
        () => Date.now() > (first?.at ?? Infinity) + 2,
        () => 'the clock to go on',
      );
      expect((await store.processDue(BUCKET, a)).changes).toEqual([first]);
    });

    it('are acknowledged one by one: later ones of the same user are separate', async () => {
      await start();
      const early = await store.update(BUCKET, a, [{ operation: 'join', userId: 'alice' }]);
      await update(a, 'leave');
      await until(
        () => Date.now() > early.now + 2,
        () => 'the clock to go on',
      );
      await settle(a);
      expect(await update(a, 'join')).toEqual([
        'done',
        'online alice',
        'offline alice',
        'online alice',
      ]);
      await store.acknowledge(BUCKET, 'a.0', early.changes);
      expect(await update(a)).toEqual(['done', 'offline alice', 'online alice']);
      // Another instance does not have them.
      const { changes } = await store.update(BUCKET, a, []);
      await store.acknowledge(BUCKET, 'b.0', changes);
      expect(await update(a)).toEqual(['done', 'offline alice', 'online alice']);
    });

    it('go to the instance that sweeps after their owner has ended, until it acknowledges them', async () => {
      await start();
      await update(a, 'join');
      await store.resign('a.0');
      expect(await sweep(b, 'a.0')).toEqual(['done', 'online alice']);
      expect(await settle(b)).toEqual(['done', 'online alice', 'offline alice']);
      await confirm(b);
      expect(await settle(b)).toEqual(['done']);
    });

    it('are published once, and others can read them', async () => {
      await start();
      const heard: string[] = [];
      const listener = stores.redis.duplicate();
      listener.on('message', (_, message) => heard.push(message));
      await listener.subscribe(presenceChannel(stores.prefix, BUCKET));
      const { changes } = await store.update(BUCKET, a, [{ operation: 'join', userId: 'alice' }]);
      await update(a, 'join', 'leave');
      await settle(b);
      await settle(a);
      await store.setStatus(BUCKET, 'nobody', 'away', 'a.0');
      await stores.redis.publish(presenceChannel(stores.prefix, BUCKET), '"end"');
      await until(
        () => heard.includes('"end"'),
        () => 'the end',
      );
      listener.disconnect();
      const at = expect.any(Number) as unknown as number;
      expect(heard.map((message) => JSON.parse(message) as unknown)).toEqual([
        changes[0],
        { type: 'offline', userId: 'alice', status: null, at, instanceId: 'b' },
        'end',
      ]);
    });
  });

  describe('ignores', () => {
    it('an instance whose lease has expired', async () => {
      await start();
      await update(b, 'join');
      await confirm(b);
      await store.resign('b.0');
      const ended = { ...a, until: Date.now() - 1 };

      expect(await update(ended, 'join')).toEqual(['expired']);
      expect(await sweep(ended, 'b.0')).toEqual(['expired']);
      expect(await sweep({ ...a, owner: 'c.0' }, 'b.0')).toEqual(['done']);
      expect(await settle(ended)).toEqual(['expired']);
      const socket = { userId: 'alice', socketId: 's', limit: 1, policy: 'reject-new' } as const;
      expect(await store.admitSocket(BUCKET, ended, socket)).toBeUndefined();
      expect(await settle(a)).toEqual(['done', 'offline alice']);
    });

    it('late calls of an earlier connection, after a call over a later one', async () => {
      await start();
      await update(a, 'join');
      await confirm(a);
      await update({ ...a, connection: 10 }, 'join');

      expect(await update({ ...a, connection: 9 }, 'leave')).toEqual(['stale']);
      expect(await settle({ ...a, connection: 9 })).toEqual(['stale']);
      expect(await update(b, 'leave')).toEqual(['done']);
      expect(await settle(b)).toEqual(['done']);
      expect(await isOnline()).toBe(true);
    });

    it('late processing over an earlier connection, whose report nobody would get', async () => {
      await start();
      await update(b, 'join');
      await confirm(b);
      await settle({ ...a, connection: 1 });
      await update(b, 'leave');
      expect(await settle(a)).toEqual(['stale']);
      expect(await settle(b)).toEqual(['done', 'offline alice']);
    });

    it('an update that was already made and whose reply was lost', async () => {
      await start();
      const visit = (['join', 'leave'] as const).map((operation) => ({
        operation,
        userId: 'alice',
      }));
      await store.update(BUCKET, a, visit, { number: 1 });
      await confirm(a);
      expect(await settle(b)).toEqual(['done', 'offline alice']);
      await confirm(b);
      const again = { ...a, connection: 1 };
      expect(shown(await store.update(BUCKET, again, visit, { number: 1 }))).toEqual(['done']);
      expect(await settle(again)).toEqual(['done']);
      expect(await isOnline()).toBe(false);
      expect(shown(await store.update(BUCKET, again, visit, { number: 2 }))).toEqual([
        'done',
        'online alice',
      ]);
    });

    it('late calls of an instance that has resigned', async () => {
      await start();
      await store.resign('a.0');
      expect(await sweep(b, 'a.0')).toEqual(['done']);

      expect(await update(a, 'join')).toEqual(['stale']);
      expect(await isOnline()).toBe(false);
    });
  });

  describe('after losing its data', () => {
    it('does not report a user who was online all the time and has a new device elsewhere', async () => {
      await startAnew();
      expect(await update(b, 'hold')).toEqual(['done']);
      expect(await isOnline()).toBe(true);
      expect(await update(a, 'restore')).toEqual(['done']);
      expect(await store.processDue(BUCKET, b)).toMatchObject({ changes: [], nextAt: undefined });
      await update(a, 'leave');
      expect(await settle(a)).toEqual(['done']);
      await update(b, 'leave');
      expect(await settle(b)).toEqual(['done', 'offline alice']);
    });

    it('reports a new user when the other instances had time to restore theirs', async () => {
      const leaseMs = 2_500;
      await startAnew({ leaseMs });
      const { now } = await store.update(BUCKET, b, [{ operation: 'hold', userId: 'alice' }]);
      expect(await store.processDue(BUCKET, b)).toMatchObject({
        changes: [],
        nextAt: now + leaseMs,
      });
      // Another device does not make it certain.
      expect(await update(a, 'hold', 'join')).toEqual(['done']);
      await settlesTo('online alice');
      expect(Date.now()).toBeGreaterThanOrEqual(now + leaseMs);
      await confirm(a);
      await update(a, 'leave');
      b = await stores.lease(store, 'b.0');
      await update(b, 'leave');
      await settlesTo('offline alice');
    });

    it('reports a visit in that time, though late', async () => {
      await startAnew({ graceMs: 20, leaseMs: 2_500 });
      expect(await update(a, 'hold', 'leave')).toEqual(['done']);
      expect(await isOnline()).toBe(true);
      await until(
        async () => {
          b = await stores.lease(store, 'b.0');
          const { changes } = await store.processDue(BUCKET, b);
          return changes.length === 2;
        },
        () => 'both changes',
      );
      b = await stores.lease(store, 'b.0');
      expect(await settle(b)).toEqual(['done', 'online alice', 'offline alice']);
      expect(await isOnline()).toBe(false);
    });

    it('reports a user who left while it was down once for all instances', async () => {
      await startAnew();
      expect(await update(a, 'gone')).toEqual(['done']);
      expect(await update(b, 'gone')).toEqual(['done']);
      expect(await settle(b)).toEqual(['done', 'offline alice']);
      expect(await update(a, 'gone')).toEqual(['done']);
      await confirm(b);
      expect(await settle(b)).toEqual(['done']);
      expect(await store.processDue(BUCKET, a)).toMatchObject({ changes: [], nextAt: undefined });
    });

    it('does not report a user who moved while it was down', async () => {
      await startAnew();
      expect(await update(b, 'hold')).toEqual(['done']);
      expect(await update(a, 'gone')).toEqual(['done']);
      expect(await store.processDue(BUCKET, b)).toMatchObject({ changes: [], nextAt: undefined });
      expect(await isOnline()).toBe(true);
    });
  });

  it('keeps nothing of users and instances that have gone, except when they were last seen', async () => {
    await start({ lastSeenMs: 0 });
    await update(a, 'join');
    await update(b, 'join');
    await store.setStatus(BUCKET, 'alice', 'away', 'a.0');
    const socket = { userId: 'alice', socketId: 's', limit: 1, policy: 'reject-new' } as const;
    await store.admitSocket(BUCKET, b, socket);
    await store.releaseSocket(BUCKET, b, socket);
    await update(a, 'leave');
    await store.resign('b.0');
    await sweep(a, 'b.0');
    await settle(a);
    await confirm(a);
    await store.sweepFinished('b.0');

    const keys = await stores.keys();
    expect(keys.filter((key) => !key.endsWith(':seen'))).toEqual([
      `${presenceChannel('', BUCKET).slice(':presence:'.length)}:connections`,
      '{leases}:data',
      '{leases}:leases',
      '{leases}:swept',
    ]);
  });

  it('checks all permissions with one call, and leaves nothing', async () => {
    await start();
    const before = await stores.keys();
    await expect(store.verify()).resolves.toBeUndefined();
    await until(
      async () => (await stores.keys()).join() === before.join(),
      () => 'nothing to be left',
    );
  });
});
