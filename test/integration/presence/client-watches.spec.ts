import { afterEach, describe, expect, it } from '@jest/globals';
import {
  SessionService,
  type PresenceNotice,
  type PresenceOptions,
  type PresenceWatchResult,
  type RedisPropagatorOptions,
} from '../../../src/index.js';
import { bucketOf, presenceChannel } from '../../../src/presence/store/presence-buckets.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import type { TestClient } from '../../support/test-client.js';
import { until } from '../../support/until.js';

const ANYBODY: PresenceOptions['canWatch'] = () => true;

/** The states that a client has been told, by user: `online`, `online (away)` or `offline`. */
class Watcher {
  readonly states: Record<string, string[]> = {};
  answer: PresenceWatchResult | undefined;

  constructor(readonly client: TestClient) {
    client.socket.on('propagator:presence', (notice: PresenceNotice) => this.note(notice));
  }

  async watch(...userIds: unknown[]): Promise<PresenceWatchResult> {
    this.answer = (await this.client.ask('propagator:watch', userIds)) as PresenceWatchResult;
    if (this.answer.ok) this.note(this.answer);
    return this.answer;
  }

  async sees(userId: string, ...states: string[]): Promise<void> {
    await until(
      () => JSON.stringify(this.states[userId]) === JSON.stringify(states),
      () => `${states.join(', ')} of ${userId}, got ${JSON.stringify(this.states)}`,
    );
  }

  private note({ users }: PresenceNotice): void {
    for (const { userId, online, status } of users) {
      const state = online ? `online${status === null ? '' : ` (${status})`}` : 'offline';
      (this.states[userId] ??= []).push(state);
    }
  }
}

describe.each(['Redis', 'memory'] as const)('a client that watches users, in %s', (where) => {
  let presence: PresenceCluster;
  afterEach(() => presence.close());

  const start = async (
    options: PresenceOptions = { canWatch: ANYBODY },
    more: RedisPropagatorOptions = {},
  ): Promise<void> => {
    presence = await PresenceCluster.start(where, 3, {
      presence: { graceMs: 0, ...options },
      ...more,
    });
  };
  const watcherAt = async (instance: number, user = 'watcher'): Promise<Watcher> =>
    new Watcher(await presence.connect(instance, user));
  const holds = (instance: number, userId: string): boolean =>
    presence.cluster
      .instance(instance)
      .pubSub.isSubscribed(presenceChannel(presence.cluster.prefix, bucketOf(userId)));
  const untilReleased = (instance: number, userId: string): Promise<void> =>
    until(
      () => !holds(instance, userId),
      () => `the channel of ${userId} to be released`,
    );

  it('gets their states, and then the changes on all instances', async () => {
    await start();
    await presence.connect(1, 'alice');
    await presence.isOnline('alice', true);
    await presence.service(1).setStatus('alice', 'away');
    const [watcher, other] = [await watcherAt(0), await watcherAt(2)];
    expect(await watcher.watch('alice', 'bob', 'alice', 42)).toEqual({
      ok: true,
      users: [
        { userId: 'alice', online: true, status: 'away' },
        { userId: 'bob', online: false, status: null },
        { userId: '42', online: false, status: null },
      ],
    });
    await other.watch('bob');
    const bob = await presence.connect(2, 'bob');
    await presence.connect(1, 'carol');
    // Each change is waited for on both instances: two changes within 250 ms are one notice.
    const bothSee = (...states: string[]) =>
      Promise.all([watcher, other].map((each) => each.sees('bob', ...states)));
    await bothSee('offline', 'online');
    await presence.service(2).setStatus('bob', 'busy');
    await bothSee('offline', 'online', 'online (busy)');
    await bob.closed();
    await bothSee('offline', 'online', 'online (busy)', 'offline');
    expect(Object.keys(other.states)).toEqual(['bob']);
    expect(Object.keys(watcher.states).sort()).toEqual(['42', 'alice', 'bob']);
  });

  it('watches the users of the last request only, and none after it has left', async () => {
    await start();
    const watcher = await watcherAt(0);
    await watcher.watch('alice', 'bob');
    expect([holds(0, 'alice'), holds(0, 'bob')]).toEqual([true, true]);
    await watcher.watch('bob');
    await untilReleased(0, 'alice');
    for (const user of ['alice', 'bob']) await presence.connect(1, user);
    await watcher.sees('bob', 'offline', 'offline', 'online');
    expect(watcher.states['alice']).toEqual(['offline']);
    expect(await watcher.watch()).toEqual({ ok: true, users: [] });
    await untilReleased(0, 'bob');
    await watcher.watch('bob');
    expect(holds(0, 'bob')).toBe(true);
    await watcher.client.closed();
    await untilReleased(0, 'bob');
  });

  it('watches nobody without presence.canWatch', async () => {
    await start({});
    const watcher = await watcherAt(0);
    expect(await watcher.watch('alice')).toEqual({ ok: false, code: 'presence.watch-off' });
    expect(await watcher.watch('alice')).toEqual({ ok: false, code: 'presence.watch-off' });
    const { logger } = presence.cluster;
    expect(logger.lines.filter((line) => line.includes('presence.watch-off'))).toHaveLength(1);
    expect(presence.cluster.instance(0).counts['presence.watch-off']).toBe(2);
    await presence.connect(1, 'alice');
    await presence.cluster.settled(watcher.client);
    expect(watcher.client.events).toEqual([]);
  });

  it('watches nobody if it is anonymous', async () => {
    await start();
    const watcher = new Watcher(await presence.cluster.instance(0).connect());
    expect(await watcher.watch('alice')).toEqual({ ok: false, code: 'presence.watch-refused' });
    expect(holds(0, 'alice')).toBe(false);
  });

  it('watches the users that the app permits', async () => {
    const asked: unknown[] = [];
    await start({
      canWatch: async ({ userId }, userIds) => {
        asked.push([userId, userIds]);
        if (userId === 'stranger') return false;
        if (userId === 'unlucky') throw new Error('no database');
        if (userId === 'odd') return 'alice' as never;
        return ['alice', 42, 'not asked for'];
      },
    });
    const watcher = await watcherAt(0);
    const users = [
      { userId: 'alice', online: false, status: null },
      { userId: '42', online: false, status: null },
    ];
    expect(await watcher.watch('bob', 'alice', '42')).toEqual({ ok: true, users });
    expect(asked).toEqual([['watcher', ['bob', 'alice', '42']]]);
    const refused = { ok: false, code: 'presence.watch-refused' };
    expect(await (await watcherAt(0, 'stranger')).watch('alice')).toEqual(refused);
    const failed = {
      ok: false,
      code: 'presence.watch-failed',
      retryAfterMs: expect.any(Number),
    };
    for (const user of ['unlucky', 'odd']) {
      expect(await (await watcherAt(0, user)).watch('alice')).toEqual(failed);
    }
    expect(presence.cluster.instance(0).counts).toMatchObject({
      'presence.watch-refused': 1,
      'presence.watch-failed': 2,
    });
    for (const user of ['alice', 'bob']) await presence.connect(1, user);
    await watcher.sees('alice', 'offline', 'online');
    expect(watcher.states['bob']).toBeUndefined();
  });

  it('loses what it watches when the app does not permit it any more', async () => {
    let isAllowed = true;
    await start({ canWatch: () => isAllowed });
    const watcher = await watcherAt(0);
    expect(await watcher.watch('alice')).toMatchObject({ ok: true });
    isAllowed = false;
    expect(await watcher.watch('alice')).toEqual({ ok: false, code: 'presence.watch-refused' });
    await untilReleased(0, 'alice');
  });

  it('is refused with a wrong list, too many users, or too many requests', async () => {
    await start({ canWatch: ANYBODY, maxWatchedUsers: 3 }, { limits: { refusals: 1_000 } });
    const watcher = await watcherAt(0);
    const invalid = { ok: false, code: 'presence.watch-invalid' };
    for (const given of [undefined, null, 'alice', {}, [null], [['alice']], [true]]) {
      expect(await watcher.client.ask('propagator:watch', given)).toEqual(invalid);
    }
    expect(await watcher.watch('a', 'b', 'c', 'd')).toEqual({ ...invalid, maxUsers: 3 });
    const second = await watcherAt(0);
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => second.client.ask('propagator:watch', ['alice'])),
    );
    const refused = (answers as PresenceWatchResult[]).filter(({ ok }) => !ok);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(answer).toEqual({
        ok: false,
        code: 'presence.watch-too-often',
        retryAfterMs: expect.any(Number),
      });
    }
    // A request without an acknowledgement is one like any other.
    const third = await watcherAt(0);
    third.client.emit('propagator:watch');
    third.client.emit('propagator:watch', ['alice']);
    await presence.cluster.settled(third.client);
    await until(
      () => holds(0, 'alice'),
      () => 'alice to be watched',
    );
  });

  it('watches nobody once its user is revoked, or the app has taken its identity', async () => {
    await start();
    const [revoked, loggedOut] = [await watcherAt(0, 'revoked'), await watcherAt(0, 'logged-out')];
    await revoked.watch('alice');
    await presence.cluster.instance(1).app.get(SessionService).revokeUser('revoked');
    await untilReleased(0, 'alice');
    await loggedOut.watch('bob');
    const [socket] = presence.cluster.instance(0).state.get('logged-out');
    if (socket !== undefined) socket.auth = null;
    await presence.connect(1, 'bob');
    await untilReleased(0, 'bob');
    await loggedOut.client.waitFor('propagator:presence');
    expect(loggedOut.client.data('propagator:presence')).toEqual([
      { users: [], ended: 'presence.watch-refused' },
    ]);
    expect(loggedOut.states['bob']).toEqual(['offline']);
  });
});

describe('watched users', () => {
  let presence: PresenceCluster;
  let redis: RunningRedis;
  afterEach(async () => {
    await presence.close();
    await redis.stop();
  });

  it('have the right state after Redis was away, or came back empty', async () => {
    redis = await startOwnRedis();
    presence = await PresenceCluster.start('Redis', 2, {
      heartbeatIntervalMs: 100,
      subscribeTimeoutMs: 50,
      presence: { leaseMs: 1_000, graceMs: 0, canWatch: ANYBODY },
      redis: { host: redis.host, port: redis.port, retryStrategy: () => 20 },
    });
    const watcher = new Watcher(await presence.connect(0, 'watcher'));
    await presence.connect(1, 'alice');
    const bob = await presence.connect(1, 'bob');
    for (const user of ['alice', 'bob']) await presence.isOnline(user, true);
    await watcher.watch('alice', 'bob', 'carol');
    await redis.kill();
    await presence.everywhere('degraded');
    await bob.closed();
    await presence.connect(1, 'carol');
    await redis.restart();
    await presence.everywhere('ready');
    await watcher.sees('bob', 'online', 'offline');
    await watcher.sees('carol', 'offline', 'online');
    // Alice was there all the time, and was never shown as gone.
    expect(watcher.states['alice']).toEqual(['online']);
  });
});
