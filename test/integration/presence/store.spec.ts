import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ResolvedPresenceOptions } from '../../../src/options/resolve-presence.js';
import { bucketOf } from '../../../src/presence/store/presence-buckets.js';
import type { PresenceChange } from '../../../src/presence/store/presence-change.js';
import type {
  Lease,
  PresenceOperation,
  PresenceStep,
  PresenceStore,
  DueResult,
} from '../../../src/presence/store/presence-store.js';
import { KINDS, TestStores, usersOf } from '../../support/presence/test-stores.js';
import { until } from '../../support/until.js';

const LATER_MS = 60_000;
const BUCKET = bucketOf('alice');

const step = (operation: PresenceOperation, userId = 'alice'): PresenceStep => ({
  operation,
  userId,
});
const shown = (changes: readonly PresenceChange[]): string[] =>
  changes.map(({ type, userId, instanceId }) => `${type} ${userId} by ${instanceId}`);

describe.each(KINDS)('the presence store in %s', (kind) => {
  let stores: TestStores;
  let store: PresenceStore;
  let a: Lease;
  let b: Lease;
  beforeEach(async () => {
    stores = await TestStores.of(kind);
  });
  afterEach(() => stores.close());

  const start = async (options: Partial<ResolvedPresenceOptions> = {}): Promise<void> => {
    store = stores.with(options);
    a = await stores.lease(store, 'a.0');
    b = await stores.lease(store, 'b.0');
  };
  /** The changes that an instance gets with an update, after acknowledging them. */
  const told = async (lease: Lease, ...steps: PresenceStep[]): Promise<string[]> => {
    const { state, changes } = await store.update(BUCKET, lease, steps);
    expect(state).toBe('done');
    await store.acknowledge(BUCKET, lease.owner, changes);
    return shown(changes);
  };
  const settled = async (lease: Lease): Promise<DueResult> => {
    const answer = await store.processDue(BUCKET, lease);
    await store.acknowledge(BUCKET, lease.owner, answer.changes);
    return answer;
  };
  const isOnline = async (userId = 'alice'): Promise<boolean | undefined> =>
    (await store.read(BUCKET, [userId]))[0]?.online;

  const admit = async (
    lease: Lease,
    socketId: string,
    policy: 'reject-new' | 'disconnect-oldest' | 'count-only',
  ): Promise<string> => {
    const socket = { userId: 'alice', socketId, limit: 2, policy };
    const admission = await store.admitSocket(BUCKET, lease, socket);
    if (admission === undefined) return 'unknown';
    return admission.admitted ? `in ${admission.evicted.join()}`.trim() : 'refused';
  };
  const release = (lease: Lease, socketId: string): Promise<void> =>
    store.releaseSocket(BUCKET, lease, { userId: 'alice', socketId });

  it('reports the first and the last device of a user once, and nothing in between', async () => {
    await start();

    expect(await told(a, step('join'))).toEqual(['online alice by a']);
    expect(await told(b, step('join'))).toEqual([]);
    expect(await told(a, step('join'))).toEqual([]);
    expect(await told(a, step('leave'))).toEqual([]);
    expect(shown((await settled(a)).changes)).toEqual([]);
    expect(await isOnline()).toBe(true);
    expect(await told(b, step('leave'))).toEqual([]);
    expect(shown((await settled(a)).changes)).toEqual(['offline alice by a']);
    expect(shown((await settled(b)).changes)).toEqual([]);
    expect(await isOnline()).toBe(false);
  });

  it('keeps a user online for the grace period, and says when it is over', async () => {
    const graceMs = 2_000;
    await start({ graceMs });
    await told(a, step('join'));
    const { now } = await store.update(BUCKET, a, [step('leave')]);

    const early = await settled(b);
    expect(early).toMatchObject({ changes: [], nextAt: now + graceMs });
    expect(await isOnline()).toBe(true);
    let late = early;
    await until(
      async () => (late = await settled(b)).changes.length > 0,
      () => 'the end of the grace period',
    );
    expect(late).toMatchObject({ nextAt: undefined });
    expect(shown(late.changes)).toEqual(['offline alice by b']);
    expect(late.changes[0]?.at).toBeGreaterThanOrEqual(now + graceMs);
    const [seen] = await store.read(BUCKET, ['alice']);
    expect(seen).toEqual({ online: false, status: null, lastSeen: now });
  });

  it.each(['a', 'b'])(
    'keeps a user online who comes back to %s within the grace period',
    async (to) => {
      await start({ graceMs: LATER_MS });
      await told(a, step('join'), step('leave'));

      const { nextAt } = await settled(a);
      expect(nextAt).toBeGreaterThan(Date.now());
      expect(await told(to === 'a' ? a : b, step('join'))).toEqual([]);
      expect(await settled(a)).toMatchObject({ changes: [], nextAt: undefined });
    },
  );

  it('recognises a visit within one update', async () => {
    await start();

    expect(await told(a, step('join'), step('leave'))).toEqual(['online alice by a']);
    expect(shown((await settled(b)).changes)).toEqual(['offline alice by b']);
  });

  it('does not report a restored user, and reports as usual when that user leaves', async () => {
    await start();

    expect(await told(a, step('restore'))).toEqual([]);
    expect(await isOnline()).toBe(true);
    expect(await told(a, step('leave'))).toEqual([]);
    expect(shown((await settled(a)).changes)).toEqual(['offline alice by a']);
  });

  it('ignores the leaving of a user who is not online', async () => {
    await start();
    await told(b, step('join'));

    expect(await told(a, step('leave'), step('leave', 'nobody'))).toEqual([]);
    expect(await isOnline()).toBe(true);
    expect(await settled(a)).toMatchObject({ changes: [], nextAt: undefined });
  });

  it('keeps buckets apart', async () => {
    await start();
    await told(a, step('join'));

    expect(await store.count(BUCKET)).toBe(1);
    expect(await store.count(BUCKET + 1)).toBe(0);
    expect(await store.page(BUCKET + 1, undefined, 10)).toEqual([]);
  });

  it('keeps a status only while the user is online', async () => {
    await start();
    const set = async (status: string | null) => {
      const { online, change } = await store.setStatus(BUCKET, 'alice', status, 'b.0');
      return [online, change?.type, change?.status, change?.instanceId];
    };

    expect(await set('away')).toEqual([false, undefined, undefined, undefined]);
    await told(a, step('join'));
    expect(await set(null)).toEqual([true, undefined, undefined, undefined]);
    expect(await set('away')).toEqual([true, 'status', 'away', 'b']);
    expect(await set('away')).toEqual([true, undefined, undefined, undefined]);
    expect(await store.read(BUCKET, ['alice'])).toMatchObject([{ online: true, status: 'away' }]);
    expect(await set(null)).toEqual([true, 'status', null, 'b']);
    await set('busy');
    await told(a, step('leave'));
    await settled(a);
    expect(await told(a, step('join'))).toEqual(['online alice by a']);
    expect(await store.read(BUCKET, ['alice'])).toMatchObject([{ online: true, status: null }]);
  });

  it('returns users in byte order, whatever their ids are', async () => {
    await start();
    // By UTF-16 or by a dictionary the order would be different.
    const first = ['\n', '!', ',', '.', '?', 'A', 'Z', 'a', 'b', 'ä', '\u{ffff}', '\u{1f600}'];
    const users = first.flatMap((letter) => usersOf(BUCKET, 1, letter));
    await told(a, ...users.toReversed().map((userId) => step('join', userId)));

    expect(await store.page(BUCKET, undefined, 100)).toEqual(users);
    expect(await store.page(BUCKET, undefined, 3)).toEqual(users.slice(0, 3));
    expect(await store.page(BUCKET, users[3], 2)).toEqual(users.slice(4, 6));
    // That user has left meanwhile.
    expect(await store.page(BUCKET, '/', 1)).toEqual([users[4]]);
    expect(await store.page(BUCKET, users.at(-1), 5)).toEqual([]);
    expect(await store.count(BUCKET)).toBe(users.length);
    await told(a, ...users.slice(1).map((userId) => step('leave', userId)));
    await settled(a);
    expect(await store.page(BUCKET, undefined, 100)).toEqual(users.slice(0, 1));
  });

  it('forgets after a while when a user was last seen', async () => {
    const lastSeenMs = 1_000;
    await start({ lastSeenMs });
    const before = Date.now();
    await told(a, step('join'), step('leave'));
    await settled(a);

    const [seen] = await store.read(BUCKET, ['alice']);
    const isEarly = Date.now() < before + lastSeenMs;
    expect(isEarly ? seen?.lastSeen : before).toBeGreaterThanOrEqual(before);
    await until(
      async () => (await store.read(BUCKET, ['alice']))[0]?.lastSeen === null,
      () => 'it to be forgotten',
    );
    await settled(await stores.lease(store, 'a.0'));
    expect((await stores.keys()).filter((key) => key.endsWith(':seen'))).toEqual([]);
  });

  it('does not store when a user was last seen if that is switched off', async () => {
    await start({ lastSeenMs: 0 });
    await told(a, step('join'), step('leave'));
    await settled(a);

    expect(await store.read(BUCKET, ['alice'])).toEqual([
      { online: false, status: null, lastSeen: null },
    ]);
  });

  describe('when an instance ends', () => {
    it('tells exactly one other instance, at once, to process its users', async () => {
      await start();
      const c = await stores.lease(store, 'c.0');
      await store.resign('a.0');

      const beats = await Promise.all(
        [b, c].map(({ owner }) => store.beat({ owner, data: undefined, claimUntil: 0 })),
      );
      expect(beats.map(({ dead }) => dead)).toEqual([['a.0'], []]);
      await store.sweepFinished('a.0');
      expect(await store.beat({ owner: 'c.0', data: undefined, claimUntil: 0 })).toMatchObject({
        state: 'held',
        dead: [],
      });
    });

    it('removes its users, each once, and leaves the others', async () => {
      await start();
      const users = usersOf(BUCKET, 700, 'user-');
      const joins = users.map((userId) => step('join', userId));
      await told(a, ...joins);
      await told(b, ...joins.slice(0, 100), step('join'));
      await store.resign('a.0');

      let cursor: string | undefined;
      let calls = 0;
      do {
        const swept = await store.sweep(BUCKET, b, 'a.0', cursor);
        expect(swept).toMatchObject({ state: 'done', changes: [] });
        ({ cursor } = swept);
        calls++;
      } while (cursor !== undefined);
      // The work is split, so that Redis is not blocked by all of them at once.
      expect(calls > 1).toBe(kind === 'Redis');
      const offline: string[] = [];
      let answer: DueResult;
      do {
        answer = await settled(b);
        offline.push(...answer.changes.map(({ userId }) => userId));
      } while (answer.nextAt !== undefined);
      expect(offline.toSorted()).toEqual(users.slice(100).toSorted());
      expect(await store.count(BUCKET)).toBe(101);
    });
  });

  describe('for sockets', () => {
    it('refuses an excess socket until another one has left', async () => {
      await start();
      expect(await admit(a, 's1', 'reject-new')).toBe('in');
      expect(await admit(b, 's2', 'reject-new')).toBe('in');
      expect(await admit(b, 's3', 'reject-new')).toBe('refused');
      // Repeated, because the reply was lost.
      expect(await admit(b, 's2', 'reject-new')).toBe('in');
      await release(a, 's1');
      await release(a, 's1');
      expect(await admit(b, 's3', 'reject-new')).toBe('in');
      expect(await admit(a, 's4', 'reject-new')).toBe('refused');
    });

    it.each(['reject-new', 'disconnect-oldest'] as const)(
      'counts a socket once when it moves to another instance before the one that it left releases it: %s',
      async (policy) => {
        await start();
        expect(await admit(a, 's1', policy)).toBe('in');
        expect(await admit(a, 's2', policy)).toBe('in');
        expect(await admit(b, 's1', policy)).toBe('in');
        await release(a, 's1');
        expect(await admit(b, 's3', 'reject-new')).toBe('refused');
        await release(b, 's1');
        expect(await admit(b, 's3', 'reject-new')).toBe('in');
      },
    );

    it('names the oldest socket to make room for a new one', async () => {
      await start();
      await admit(a, 's1', 'disconnect-oldest');
      await admit(b, 's2', 'disconnect-oldest');
      expect(await admit(b, 's3', 'disconnect-oldest')).toBe('in s1');
      // It leaves after it was named.
      await release(a, 's1');
      expect(await admit(a, 's4', 'disconnect-oldest')).toBe('in s2');
      expect(await admit(a, 's5', 'count-only')).toBe('in');
      expect(await admit(a, 's6', 'disconnect-oldest')).toBe('in s3,s4');
    });

    it('no longer counts the sockets of an ended instance', async () => {
      await start();
      await admit(a, 's1', 'reject-new');
      await admit(b, 's2', 'reject-new');
      await store.resign('a.0');
      expect(await admit(b, 's3', 'reject-new')).toBe('refused');
      await store.sweep(BUCKET, b, 'a.0', undefined);
      expect(await admit(b, 's3', 'reject-new')).toBe('in');
      expect(await admit(b, 's4', 'reject-new')).toBe('refused');
    });
  });
});
