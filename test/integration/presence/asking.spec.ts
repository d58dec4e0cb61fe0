import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { concatMap, firstValueFrom } from 'rxjs';
import {
  SocketStateService,
  type PresenceService,
  type RedisPropagatorOptions,
} from '../../../src/index.js';
import { inAnyOrder } from '../../support/events-of.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import type { TestClient } from '../../support/test-client.js';
import { until } from '../../support/until.js';

const NO_GRACE = { presence: { graceMs: 0 } };

/** Reads all pages, one after the other. */
async function pagesOf(
  service: PresenceService,
  limit: number,
  between: (page: number) => Promise<void> = async () => {},
): Promise<(readonly string[])[]> {
  const pages: (readonly string[])[] = [];
  let cursor: string | null = null;
  do {
    const page = await service.onlineUsers({ cursor, limit });
    pages.push(page.userIds);
    cursor = page.cursor;
    await between(pages.length);
  } while (cursor !== null);
  return pages;
}

/** Users who are online, half of them on each instance. */
async function users(
  presence: PresenceCluster,
  count: number,
): Promise<{ ids: string[]; devices: TestClient[] }> {
  const ids = Array.from({ length: count }, (_, index) => `user-${index}`);
  const devices = await Promise.all(
    ids.map((userId, index) => presence.connect(index % 2, userId)),
  );
  await presence.settled();
  return { ids, devices };
}

describe.each(['Redis', 'memory'] as const)('presence queries in %s', (where) => {
  let presence: PresenceCluster;
  afterEach(() => presence.close());

  const start = async (options: RedisPropagatorOptions = NO_GRACE): Promise<void> => {
    presence = await PresenceCluster.start(where, 2, options);
  };
  it('every instance knows all users, in queries of any size', async () => {
    await start();
    const { ids } = await users(presence, 30);
    const others = Array.from({ length: 1_000 }, (_, index) => `nobody-${index}`);

    for (const instance of [0, 1]) {
      const service = presence.service(instance);
      const answers = await service.areOnline([...ids, ...others]);
      expect([...answers.keys()]).toEqual([...ids, ...others]);
      expect([...answers].filter(([, online]) => online).map(([userId]) => userId)).toEqual(ids);
      expect(await service.count()).toBe(30);
      expect(await service.areOnline([])).toEqual(new Map());
    }
  });

  it('users who connect and disconnect meanwhile do not hide or duplicate the others', async () => {
    await start();
    const { ids, devices } = await users(presence, 40);
    const staying = ids.filter((_, index) => index % 4 !== 0);

    const pages = await pagesOf(presence.service(0), 5, async (page) => {
      const leaving = devices[(page - 1) * 4];
      await leaving?.closed();
      if (page < 8) await presence.connect(page % 2, `late-${page}`);
      await presence.settled();
    });
    const listed = pages.flat();
    expect(new Set(listed).size).toBe(listed.length);
    expect(inAnyOrder(listed.filter((userId) => staying.includes(userId)))).toEqual(
      inAnyOrder(staying),
    );
  });

  it('the page is empty without users', async () => {
    await start();
    expect(await presence.service(0).onlineUsers()).toEqual({ userIds: [], cursor: null });
    expect(await presence.service(0).count()).toBe(0);
  });

  describe('the time when a user was last seen', () => {
    it('is now while there is a device, and then the moment when the last one left', async () => {
      await start();
      const [device] = [await presence.connect(0, 'alice'), await presence.connect(0, 'bob')];
      await presence.settled();
      for (const instance of [0, 1]) {
        const before = Date.now();
        const seen = (await presence.service(instance).lastSeen('alice')) ?? 0;
        expect(seen).toBeGreaterThanOrEqual(before);
        expect(seen).toBeLessThanOrEqual(Date.now());
      }
      const before = Date.now();
      await device?.closed();
      await presence.settled();

      const { at = 0 } =
        presence.log.changes.findLast(
          ({ userId, type }) => userId === 'alice' && type === 'offline',
        ) ?? {};
      for (const instance of [0, 1]) {
        const seen = (await presence.service(instance).lastSeen('alice')) ?? 0;
        expect(seen).toBeGreaterThanOrEqual(before);
        expect(seen).toBeLessThanOrEqual(at);
      }
      expect(await presence.service(1).lastSeen('nobody')).toBeNull();
    });

    it('is forgotten after lastSeenMs', async () => {
      const lastSeenMs = 1_000;
      await start({ presence: { graceMs: 0, lastSeenMs } });
      const device = await presence.connect(0, 'alice');
      const before = Date.now();
      await device.closed();
      await presence.reports('online alice', 'offline alice');
      const seen = await presence.service(1).lastSeen('alice');
      // It was later only if the machine was frozen.
      expect(Date.now() < before + lastSeenMs ? seen : before).toEqual(expect.any(Number));

      await until(
        async () => (await presence.service(1).lastSeen('alice')) === null,
        () => 'it to be forgotten',
      );
      expect(Date.now()).toBeGreaterThanOrEqual(before + lastSeenMs);
    });

    it('is not stored with lastSeenMs: 0', async () => {
      await start({ presence: { graceMs: 0, lastSeenMs: 0 } });
      const device = await presence.connect(0, 'alice');
      await device.closed();
      await presence.reports('online alice', 'offline alice');

      expect(await presence.service(1).lastSeen('alice')).toBeNull();
    });
  });

  describe('a status', () => {
    it('can be set, changed and cleared on any instance, and is reported once by that instance', async () => {
      await start();
      await presence.connect(0, 'alice');
      await presence.settled();
      const [near, far] = [presence.service(0), presence.service(1)];

      expect(await near.statusOf('alice')).toBeNull();
      expect(await far.setStatus('alice', 'away')).toBe(true);
      expect(await near.statusOf('alice')).toBe('away');
      expect(await near.setStatus('alice', 'away')).toBe(true);
      expect(await near.setStatus('alice', 'in a call 📞')).toBe(true);
      expect(await far.statusOf('alice')).toBe('in a call 📞');
      expect(await far.setStatus('alice', null)).toBe(true);
      expect(await near.setStatus('alice', null)).toBe(true);
      expect(await near.statusOf('alice')).toBeNull();
      await presence.settled();

      expect(presence.lines).toEqual([
        'online alice',
        'alice is away',
        'alice is in a call 📞',
        'alice is null',
      ]);
    });

    it('cannot be set for an offline user, and ends when the user goes offline', async () => {
      await start();
      expect(await presence.service(0).setStatus('alice', 'away')).toBe(false);
      const device = await presence.connect(0, 'alice');
      await presence.settled();
      await presence.service(1).setStatus('alice', 'away');
      await device.closed();
      await presence.settled();
      expect(await presence.service(0).statusOf('alice')).toBeNull();
      await presence.connect(1, 'alice');
      await presence.settled();

      expect(await presence.service(0).statusOf('alice')).toBeNull();
      expect(presence.lines).toEqual([
        'online alice',
        'alice is away',
        'offline alice',
        'online alice',
      ]);
    });

    it('can be set while a user is still connecting', async () => {
      await start();
      const state = presence.cluster.instance(0).app.get(SocketStateService);
      const set = firstValueFrom(
        state.changes$.pipe(
          concatMap(({ userId }) => presence.service(0).setStatus(userId, 'away')),
        ),
      );
      await presence.connect(0, 'alice');

      expect(await set).toBe(true);
      expect(await presence.service(1).statusOf('alice')).toBe('away');
    });

    it('is kept while a user has a device, and through the grace period', async () => {
      const graceMs = 1_000;
      await start({ presence: { graceMs } });
      const first = await presence.connect(0, 'alice');
      await presence.isOnline('alice', true, 1);
      expect(await presence.service(1).setStatus('alice', 'away')).toBe(true);
      const wentAt = Date.now();
      await first.closed();
      const status = await presence.service(0).statusOf('alice');
      await presence.connect(1, 'alice');
      const isInTime = Date.now() < wentAt + graceMs;
      await presence.settled();

      // If the machine was frozen the grace period was over.
      if (!isInTime) return;
      expect(status).toBe('away');
      expect(await presence.service(0).statusOf('alice')).toBe('away');
      expect(presence.lines).toEqual(['online alice', 'alice is away']);
    });
  });
});

// These tests change nothing, and share the instances.
describe.each(['Redis', 'memory'] as const)('presence queries for thirty users in %s', (where) => {
  let presence: PresenceCluster;
  let ids: string[];
  beforeAll(async () => {
    presence = await PresenceCluster.start(where, 2, NO_GRACE);
    ({ ids } = await users(presence, 30));
  });
  afterAll(() => presence.close());

  it.each([1, 7, 29, 30, 31, 1_000])('pages of %i contain each user once', async (limit) => {
    const pages = await pagesOf(presence.service(1), limit);
    expect(inAnyOrder(pages.flat())).toEqual(inAnyOrder(ids));
    for (const page of pages.slice(0, -1)) expect(page).toHaveLength(limit);
    expect(pages.length).toBeLessThanOrEqual(Math.floor(30 / limit) + 1);
  });

  it.each([
    ['a cursor of somebody else', { cursor: 'abc' }, /cursor: got "abc".*the page before/],
    ['a cursor beyond the end', { cursor: '256:a' }, /cursor: got "256:a"/],
    ['a cursor that is no text', { cursor: 7 as unknown as string }, /cursor: got 7/],
    ['half a cursor', { cursor: '3:' }, /cursor/],
    ['a limit of nothing', { limit: 0 }, /limit: got 0.*from 1 to 1000/],
    ['a limit that is too high', { limit: 1_001 }, /limit: got 1001/],
    ['half a user', { limit: 1.5 }, /limit: got 1.5/],
    ['a limit that is no number', { limit: '5' as unknown as number }, /limit: got "5"/],
  ])('refuses %s', async (_, page, message) => {
    const refused = presence.service(0).onlineUsers(page);
    await expect(refused).rejects.toMatchObject({ code: 'target.invalid' });
    await expect(refused).rejects.toThrow(message);
  });

  it.each([
    ['isOnline', (service: PresenceService, userId: string) => service.isOnline(userId)],
    ['areOnline', (service: PresenceService, userId: string) => service.areOnline(['a', userId])],
    ['lastSeen', (service: PresenceService, userId: string) => service.lastSeen(userId)],
    ['statusOf', (service: PresenceService, userId: string) => service.statusOf(userId)],
    ['setStatus', (service: PresenceService, userId: string) => service.setStatus(userId, 'a')],
    ['watch', async (service: PresenceService, userId: string) => service.watch([userId])],
  ])('%s refuses an invalid user id', async (_, ask) => {
    for (const given of ['', null, undefined, {}, Number.NaN, '\ud800']) {
      const refused = ask(presence.service(0), given as string);
      await expect(refused).rejects.toMatchObject({ code: 'target.invalid' });
      await expect(refused).rejects.toThrow(/userId: got .*non-empty string, a number or a bigint/);
    }
  });

  it.each([
    ['nothing', ''],
    ['257 bytes', 'x'.repeat(257)],
    ['129 characters of two bytes', 'ä'.repeat(129)],
    ['no text', 7 as unknown as string],
    ['undefined', undefined as unknown as string],
  ])('a status of %s is refused', async (_, status) => {
    const refused = presence.service(0).setStatus('user-0', status);
    await expect(refused).rejects.toMatchObject({ code: 'presence.status-invalid' });
    await expect(refused).rejects.toThrow('at most 256 bytes, or null for none');
    expect(await presence.service(0).setStatus('user-0', 'ä'.repeat(128))).toBe(true);
  });
});
