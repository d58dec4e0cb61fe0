import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { bucketOf, presenceChannel } from '../../../src/presence/store/presence-buckets.js';
import { instanceIdOf } from '../../support/members.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

describe('presence over a connection that', () => {
  let presence: PresenceCluster;
  const reporterOf = (line: string): string | undefined =>
    presence.log.changes.find(({ type, userId }) => `${type} ${userId}` === line)?.instanceId;
  let proxy: TcpProxy;
  let redis: Redis;
  afterEach(async () => {
    await presence.close();
    await proxy.close();
    redis.disconnect();
  });

  /** The first instance has a faulty connection, the second one a good one. */
  const start = async (options: RedisPropagatorOptions = {}): Promise<void> => {
    redis = new Redis(testRedisUrl());
    proxy = await TcpProxy.to(testRedisUrl());
    presence = await PresenceCluster.start('Redis', 2, (instance) => ({
      heartbeatIntervalMs: 100,
      subscribeTimeoutMs: 50,
      presence: { graceMs: 150 },
      ...options,
      ...(instance === 0 ? { redis: proxy.url } : {}),
    }));
  };
  it('breaks after a user has connected, before the reply arrives: it is still reported once', async () => {
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

  it('breaks after a user has connected and left, before the reply arrives: both are reported once', async () => {
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

  it('breaks after a user went offline, before the reply arrives: it is still reported once', async () => {
    await start({ presence: { graceMs: 1_500 } });
    const device = await presence.connect(0, 'alice');
    // From then on Redis knows the scripts, so each call is sent only once.
    await presence.settled();
    await device.closed();
    const pending = `${presenceChannel(presence.cluster.prefix, bucketOf('alice'))}:pending`;
    await until(
      async () => (await redis.zscore(pending, 'alice')) !== null,
      () => 'the grace period to begin',
    );
    // Sent over the same connection, so the reply about her leaving has arrived, too.
    await presence.confirmed();
    proxy.loseAnswers();
    await presence.isOnline('alice', false, 1);
    expect(presence.lines).toEqual(['online alice']);
    proxy.cut();
    await presence.reports('online alice', 'offline alice');
    await presence.settled();
    expect(presence.lines).toEqual(['online alice', 'offline alice']);
    expect(reporterOf('offline alice')).toBe(instanceIdOf(presence.cluster.instance(0)));
  });

  it('breaks after a status is set, before the reply arrives: set again, it is reported once', async () => {
    await start();
    await presence.connect(1, 'alice');
    await presence.settled();
    const [bad, good] = [presence.service(0), presence.service(1)];
    // Redis has to know the script, because a missing script is a reply, too.
    await bad.setStatus('alice', 'busy');
    proxy.loseAnswers();
    const setting = bad.setStatus('alice', 'away').catch((error: unknown) => error);
    await until(
      async () => (await good.statusOf('alice')) === 'away',
      () => 'the status',
    );
    proxy.cut();
    expect(await setting).toMatchObject({ code: 'redis.unavailable' });
    await presence.everywhere('ready');
    expect(presence.lines).toEqual(['online alice', 'alice is busy']);

    expect(await bad.setStatus('alice', 'away')).toBe(true);
    expect(await bad.setStatus('alice', 'away')).toBe(true);

    expect(presence.lines).toEqual(['online alice', 'alice is busy', 'alice is away']);
  });

  it('delivers a call late, after another one: the late call has no effect', async () => {
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

  it('breaks again and again while users connect and leave: each change is reported once', async () => {
    await start({ presence: { graceMs: 1_000 } });
    for (let round = 0; round < 5; round++) {
      const users = Array.from({ length: 10 }, (_, index) => `user-${round}-${index}`);
      const devices = await Promise.all(users.map((user) => presence.connect(0, user)));
      if (round % 2 === 0) proxy.loseAnswers();
      const others = await Promise.all(users.map((user) => presence.connect(1, user)));
      for (const device of devices) device.close();
      proxy.cut();
      for (const device of others) device.close();
      // An instance without a working connection may report late, which does not happen here.
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
      expect([user, ...presence.typesOf(String(user))]).toEqual([user, 'online', 'offline']);
    }
  });
});
