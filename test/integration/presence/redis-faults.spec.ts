import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { bucketOf, presenceChannel } from '../../../src/presence/presence-buckets.js';
import { instanceIdOf } from '../../support/acquainted.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const LEASE_MS = 500;
const GRACE_MS = 150;
const TIMES: RedisPropagatorOptions = {
  heartbeatIntervalMs: 100,
  subscribeTimeoutMs: 50,
  presence: { leaseMs: LEASE_MS, graceMs: GRACE_MS },
};

describe('presence', () => {
  let presence: PresenceCluster;
  afterEach(() => presence.close());

  const typesOf = (userId: string): string[] =>
    presence.log.changes.filter((change) => change.userId === userId).map(({ type }) => type);
  const reports = (userId: string, ...types: string[]): Promise<void> =>
    until(
      () => typesOf(userId).length >= types.length,
      () => `${types.join(', ')} of ${userId}, got ${typesOf(userId).join(', ')}`,
    );

  const reporterOf = (line: string): string | undefined =>
    presence.log.changes.find(({ type, userId }) => `${type} ${userId}` === line)?.instanceId;

  describe('with a Redis that', () => {
    let redis: RunningRedis;
    afterEach(() => redis.stop());

    const start = async (
      args: string[] = [],
      options: RedisPropagatorOptions = {},
    ): Promise<void> => {
      redis = await startOwnRedis(args);
      presence = await PresenceCluster.start('Redis', 3, {
        ...TIMES,
        ...options,
        redis: redis.url,
      });
    };
    const restart = async (): Promise<void> => {
      await redis.restart();
      await presence.everywhere('ready');
    };

    it('comes back empty is told again who is online, and nothing of that is reported', async () => {
      await start();
      for (const user of ['alice', 'bob']) await presence.connect(0, user);
      await presence.connect(1, 'bob');
      await presence.connect(2, 'carol');
      for (const user of ['alice', 'bob', 'carol']) await reports(user, 'online');
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
      const { userIds } = await presence.service(1).onlineUsers();
      expect([...userIds].toSorted()).toEqual(['alice', 'bob', 'carol']);
      expect(presence.lines.toSorted()).toEqual(
        ['alice is away', 'online alice', 'online bob', 'online carol'].toSorted(),
      );
      // Of that only Redis knew.
      expect(await presence.service(0).statusOf('alice')).toBeNull();
    });

    it('comes back empty is told once who has come and who has gone meanwhile', async () => {
      await start();
      const gone = await presence.connect(0, 'gone');
      const goneTwice = [
        await presence.connect(1, 'gone twice'),
        await presence.connect(2, 'gone twice'),
      ];
      const moved = await presence.connect(0, 'moved');
      await presence.connect(1, 'stays');
      for (const user of ['gone', 'gone twice', 'moved', 'stays']) await reports(user, 'online');

      await redis.kill();
      await presence.everywhere('degraded');
      for (const device of [gone, ...goneTwice, moved]) await device.closed();
      await presence.connect(1, 'moved');
      await presence.connect(0, 'new');
      await presence.connect(2, 'new');
      const visitor = await presence.connect(0, 'visitor');
      await visitor.closed();
      await restart();

      await reports('gone', 'online', 'offline');
      await reports('gone twice', 'online', 'offline');
      await reports('new', 'online');
      await reports('visitor', 'online', 'offline');
      await presence.settled();
      expect(typesOf('gone')).toEqual(['online', 'offline']);
      expect(typesOf('gone twice')).toEqual(['online', 'offline']);
      expect(typesOf('moved')).toEqual(['online']);
      expect(typesOf('new')).toEqual(['online']);
      expect(typesOf('stays')).toEqual(['online']);
      expect(typesOf('visitor')).toEqual(['online', 'offline']);
      expect(await presence.service(2).count()).toBe(3);
    });

    it('comes back empty: a new device of somebody who was online all the while is no news', async () => {
      await start();
      const users = Array.from({ length: 30 }, (_, index) => `user-${index}`);
      await Promise.all(users.map((user) => presence.connect(0, user)));
      for (const user of users) await reports(user, 'online');

      await redis.kill();
      await presence.everywhere('degraded');
      await redis.restart();
      // Each as soon as it can, whoever has told Redis by then.
      await Promise.all(users.map((user, index) => presence.connect(1 + (index % 2), user)));
      await presence.everywhere('ready');
      await Promise.all(users.map((user, index) => presence.connect(2 - (index % 2), user)));
      const late = await presence.connect(1, 'late');
      await reports('late', 'online');
      await late.closed();
      await reports('late', 'online', 'offline');
      await presence.settled();

      expect(presence.lines.filter((line) => line.includes('user-'))).toHaveLength(30);
      expect(await presence.service(2).count()).toBe(30);
    });

    it.each([
      ['every call times out', 500],
      ['no call times out', 10_000],
    ])(
      'stands still for longer than lease and grace period changes nothing, where %s',
      async (_, ms) => {
        // Without a grace period, or who is given up by mistake might be back in time.
        await start([], { publishTimeoutMs: ms, presence: { leaseMs: LEASE_MS, graceMs: 0 } });
        const users = Array.from({ length: 90 }, (__, index) => `user-${index}`);
        await Promise.all(users.map((user, index) => presence.connect(index % 3, user)));
        const leaves = await presence.connect(1, 'leaves');
        await presence.reports(...users, 'leaves');
        await presence.settled();

        const { pid = 0 } = redis;
        process.kill(pid, 'SIGSTOP');
        try {
          await leaves.closed();
          await sleep(2 * (LEASE_MS + GRACE_MS));
        } finally {
          process.kill(pid, 'SIGCONT');
        }
        await reports('leaves', 'online', 'offline');
        await presence.everywhere('ready');
        // Whoever has not renewed its lease by then is given up.
        await sleep(2 * LEASE_MS);
        await presence.settled();

        expect(presence.lines.filter((line) => line.includes('user-'))).toHaveLength(90);
        expect(typesOf('leaves')).toEqual(['online', 'offline']);
        expect(await presence.service(0).count()).toBe(90);
        const logged = presence.cluster.logger.matching(/presence|Took over/);
        expect(logged).toEqual([]);
      },
    );

    it('is away for longer than lease and grace period, and has kept its data, changes nothing', async () => {
      await start(['--appendonly', 'yes', '--appendfsync', 'always']);
      await presence.connect(0, 'alice');
      const moves = await presence.connect(1, 'moves');
      const leaves = await presence.connect(2, 'leaves');
      for (const user of ['alice', 'moves', 'leaves']) await reports(user, 'online');
      await presence.service(1).setStatus('alice', 'away');

      await redis.kill();
      await presence.everywhere('degraded');
      await moves.closed();
      await leaves.closed();
      await presence.connect(0, 'moves');
      await sleep(LEASE_MS + GRACE_MS);
      await restart();
      await reports('leaves', 'online', 'offline');
      await sleep(2 * LEASE_MS);
      await presence.settled();

      expect(typesOf('alice')).toEqual(['online', 'status']);
      expect(await presence.service(2).statusOf('alice')).toBe('away');
      expect(typesOf('leaves')).toEqual(['online', 'offline']);
      expect(await presence.service(2).count()).toBe(2);
    });
  });

  describe('over a connection that', () => {
    let proxy: TcpProxy;
    let redis: Redis;
    afterEach(async () => {
      await proxy.close();
      redis.disconnect();
    });

    /** The first instance has a bad connection, the second one a good one. */
    const start = async (options: RedisPropagatorOptions = {}): Promise<void> => {
      redis = new Redis(testRedisUrl());
      proxy = await TcpProxy.to(testRedisUrl());
      presence = await PresenceCluster.start('Redis', 2, (instance) => ({
        ...TIMES,
        presence: { leaseMs: 10_000, graceMs: GRACE_MS },
        ...options,
        ...(instance === 0 ? { redis: proxy.url } : {}),
      }));
    };
    it('breaks when somebody has come, before the answer is there: it is reported once all the same', async () => {
      await start();
      await presence.settled();
      proxy.loseAnswers();
      const device = await presence.connect(0, 'alice');
      await presence.isOnline('alice', true, 1);
      expect(presence.lines).toEqual([]);
      proxy.cut();
      await presence.reports('online alice');
      await presence.settled();
      expect(presence.lines).toEqual(['online alice']);
      expect(reporterOf('online alice')).toBe(instanceIdOf(presence.cluster.instance(0)));
      await device.closed();
      await presence.settled();
      expect(presence.lines).toEqual(['online alice', 'offline alice']);
    });

    it('breaks when somebody has come and gone, before the answer is there: both are reported once', async () => {
      await start();
      await presence.settled();
      proxy.loseAnswers();
      const device = await presence.connect(0, 'alice');
      await presence.isOnline('alice', true, 1);
      await device.closed();
      proxy.cut();
      await presence.reports('online alice', 'offline alice');
      await presence.settled();
      expect(presence.lines).toEqual(['online alice', 'offline alice']);
    });

    it('breaks when somebody is offline, before the answer is there: it is reported once all the same', async () => {
      await start();
      const device = await presence.connect(0, 'alice');
      await presence.settled();
      await device.closed();
      const pending = `${presenceChannel(presence.cluster.prefix, bucketOf('alice'))}:pending`;
      await until(
        async () => (await redis.zscore(pending, 'alice')) !== null,
        () => 'the grace period to begin',
      );
      proxy.loseAnswers();
      await presence.isOnline('alice', false, 1);
      expect(presence.lines).toEqual(['online alice']);
      proxy.cut();
      await presence.reports('online alice', 'offline alice');
      await presence.settled();
      expect(presence.lines).toEqual(['online alice', 'offline alice']);
      expect(reporterOf('offline alice')).toBe(instanceIdOf(presence.cluster.instance(0)));
    });

    it('delivers late, after another one: what it delivers has no effect', async () => {
      await start();
      const device = await presence.connect(0, 'alice');
      await presence.settled();
      proxy.holdBack();
      await device.closed();
      await until(
        () => proxy.holds('leave'),
        () => 'it to be on its way that alice has left',
      );
      const deliver = proxy.cut();
      await presence.connect(0, 'alice');
      await presence.everywhere('ready');
      await presence.settled();
      await deliver();
      await presence.settled();

      expect(presence.lines).toEqual(['online alice']);
      expect(await presence.service(1).isOnline('alice')).toBe(true);
    });

    it('breaks again and again while users come and go: each is reported once', async () => {
      await start();
      for (let round = 0; round < 5; round++) {
        const users = Array.from({ length: 10 }, (_, index) => `user-${round}-${index}`);
        const devices = await Promise.all(users.map((user) => presence.connect(0, user)));
        if (round % 2 === 0) proxy.loseAnswers();
        const others = await Promise.all(users.map((user) => presence.connect(1, user)));
        for (const device of devices) device.close();
        proxy.cut();
        for (const device of others) device.close();
        // Who comes to an instance that cannot tell anybody may be told of late: not here.
        const { redis: link } = presence.cluster.instance(0);
        await until(
          () => link.state === 'degraded',
          () => 'the first instance to be cut off',
        );
        await presence.everywhere('ready');
      }
      await presence.settled();
      await until(
        async () => (await presence.service(1).count()) === 0,
        () => 'nobody to be online',
      );
      await presence.settled();

      const users = new Set(presence.lines.map((line) => line.split(' ')[1]));
      expect(users.size).toBe(50);
      for (const user of users) {
        expect([user, ...typesOf(String(user))]).toEqual([user, 'online', 'offline']);
      }
    });
  });
});
