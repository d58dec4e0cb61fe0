import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import { until } from '../../support/until.js';

const LEASE_MS = 1_000;
const GRACE_MS = 150;
const TIMES: RedisPropagatorOptions = {
  heartbeatIntervalMs: 100,
  subscribeTimeoutMs: 50,
  presence: { leaseMs: LEASE_MS, graceMs: GRACE_MS },
};

describe('presence with a Redis that', () => {
  let presence: PresenceCluster;
  let redis: RunningRedis;
  afterEach(async () => {
    await presence.close();
    await redis.stop();
  });

  const start = async (
    args: string[] = [],
    options: RedisPropagatorOptions = {},
  ): Promise<void> => {
    redis = await startOwnRedis(args);
    presence = await PresenceCluster.start('Redis', 3, {
      ...TIMES,
      ...options,
      // They all reconnect at once; without this each attempt comes half a second after the last one.
      redis: { host: redis.host, port: redis.port, retryStrategy: () => 20 },
    });
  };
  const restart = async (): Promise<void> => {
    await redis.restart();
    await presence.everywhere('ready');
  };

  it('comes back empty learns the online users again, and nothing of that is reported', async () => {
    await start();
    for (const user of ['alice', 'bob']) await presence.connect(0, user);
    await presence.connect(1, 'bob');
    await presence.connect(2, 'carol');
    for (const user of ['alice', 'bob', 'carol']) await presence.reportsOf(user, 'online');
    await presence.service(0).setStatus('alice', 'away');

    for (let times = 0; times < 2; times++) {
      await redis.kill();
      await presence.everywhere('degraded');
      await restart();
      for (const instance of [0, 1, 2]) {
        await until(
          async () => (await presence.service(instance).count()) === 3,
          () => `instance ${instance} to count three users`,
        );
      }
      await presence.settled();
    }
    let userIds: readonly string[] = [];
    await until(
      async () => ({ userIds } = await presence.service(1).onlineUsers()).userIds.length > 0,
      () => 'the online users',
    );
    expect([...userIds].toSorted()).toEqual(['alice', 'bob', 'carol']);
    expect(presence.lines.toSorted()).toEqual(
      ['alice is away', 'online alice', 'online bob', 'online carol'].toSorted(),
    );
    // Only Redis knew that.
    expect(await presence.service(0).statusOf('alice')).toBeNull();
  });

  it('comes back empty reports once which users came and left meanwhile', async () => {
    await start();
    const gone = await presence.connect(0, 'gone');
    const goneTwice = [
      await presence.connect(1, 'gone twice'),
      await presence.connect(2, 'gone twice'),
    ];
    const moved = await presence.connect(0, 'moved');
    await presence.connect(1, 'stays');
    for (const user of ['gone', 'gone twice', 'moved', 'stays'])
      await presence.reportsOf(user, 'online');

    await redis.kill();
    await presence.everywhere('degraded');
    for (const device of [gone, ...goneTwice, moved]) await device.closed();
    await presence.connect(1, 'moved');
    await presence.connect(0, 'new');
    await presence.connect(2, 'new');
    const visitor = await presence.connect(0, 'visitor');
    await visitor.closed();
    await restart();

    await presence.reportsOf('gone', 'online', 'offline');
    await presence.reportsOf('gone twice', 'online', 'offline');
    await presence.reportsOf('new', 'online');
    await presence.reportsOf('visitor', 'online', 'offline');
    await presence.settled();
    expect(presence.typesOf('gone')).toEqual(['online', 'offline']);
    expect(presence.typesOf('gone twice')).toEqual(['online', 'offline']);
    expect(presence.typesOf('moved')).toEqual(['online']);
    expect(presence.typesOf('new')).toEqual(['online']);
    expect(presence.typesOf('stays')).toEqual(['online']);
    expect(presence.typesOf('visitor')).toEqual(['online', 'offline']);
    expect(await presence.service(2).count()).toBe(3);
  });

  it('comes back empty does not report a new device of a user who was online all the time', async () => {
    await start();
    const users = Array.from({ length: 30 }, (_, index) => `user-${index}`);
    await Promise.all(users.map((user) => presence.connect(0, user)));
    for (const user of users) await presence.reportsOf(user, 'online');

    await redis.kill();
    await presence.everywhere('degraded');
    await redis.restart();
    // Each as soon as it can, whichever instances have updated Redis by then.
    await Promise.all(users.map((user, index) => presence.connect(1 + (index % 2), user)));
    await presence.everywhere('ready');
    await Promise.all(users.map((user, index) => presence.connect(2 - (index % 2), user)));
    const late = await presence.connect(1, 'late');
    await presence.reportsOf('late', 'online');
    await late.closed();
    await presence.reportsOf('late', 'online', 'offline');
    await presence.settled();

    expect(presence.lines.filter((line) => line.includes('user-'))).toHaveLength(30);
    expect(await presence.service(2).count()).toBe(30);
  });

  it.each([
    ['every call times out', 500],
    ['no call times out', 10_000],
  ])(
    'is frozen for longer than lease and grace period changes nothing, if %s',
    async (_what, ms) => {
      // Without a grace period, because a user given up by mistake might come back in time. The lease is longer
      // than it takes to replace a connection.
      const leaseMs = 2_500;
      await start([], { publishTimeoutMs: ms, presence: { leaseMs, graceMs: 0 } });
      const users = Array.from({ length: 90 }, (_, index) => `user-${index}`);
      await Promise.all(users.map((user, index) => presence.connect(index % 3, user)));
      const leaves = await presence.connect(1, 'leaves');
      await presence.reports(...users, 'leaves');
      await presence.settled();

      const { pid = 0 } = redis;
      process.kill(pid, 'SIGSTOP');
      try {
        await leaves.closed();
        await sleep(leaseMs + 500);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await presence.reportsOf('leaves', 'online', 'offline');
      await presence.everywhere('ready');
      // Instances that have not renewed their lease by then are given up.
      await sleep(1.5 * leaseMs);
      await presence.settled();

      expect(presence.lines.filter((line) => line.includes('user-'))).toHaveLength(90);
      expect(presence.typesOf('leaves')).toEqual(['online', 'offline']);
      expect(await presence.service(0).count()).toBe(90);
      const logged = presence.cluster.logger.matching(/presence|Took over/);
      expect(logged).toEqual([]);
    },
  );

  it('is down for longer than lease and grace period, and has kept its data, changes nothing', async () => {
    await start(['--appendonly', 'yes', '--appendfsync', 'always']);
    await presence.connect(0, 'alice');
    const moves = await presence.connect(1, 'moves');
    const leaves = await presence.connect(2, 'leaves');
    for (const user of ['alice', 'moves', 'leaves']) await presence.reportsOf(user, 'online');
    await presence.service(1).setStatus('alice', 'away');

    await redis.kill();
    await presence.everywhere('degraded');
    await moves.closed();
    await leaves.closed();
    await presence.connect(0, 'moves');
    await sleep(LEASE_MS + GRACE_MS);
    await restart();
    await presence.reportsOf('leaves', 'online', 'offline');
    await sleep(2 * LEASE_MS);
    await presence.settled();

    expect(presence.typesOf('alice')).toEqual(['online', 'status']);
    expect(await presence.service(2).statusOf('alice')).toBe('away');
    expect(presence.typesOf('leaves')).toEqual(['online', 'offline']);
    expect(await presence.service(2).count()).toBe(2);
  });
});
