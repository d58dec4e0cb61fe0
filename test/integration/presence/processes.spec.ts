import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { PresenceChange } from '../../../src/index.js';
import { instanceIdOf } from '../../support/members.js';
import { ClusterProcess } from '../../support/cluster-process.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import { TestClient } from '../../support/test-client.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

/** A machine may be frozen for some seconds without a lease expiring. */
const LEASE_MS = 6_000;
const GRACE_MS = 200;
const FROZEN_MS = 500;
const TIMES = {
  heartbeatIntervalMs: 100,
  // No test waits for that: every change comes from an expired lease.
  memberTimeoutMs: 600_000,
  presence: { leaseMs: LEASE_MS, graceMs: GRACE_MS },
};

describe('presence of an instance in its own process', () => {
  let presence: PresenceCluster;
  let first: ClusterProcess;
  let second: ClusterProcess;
  let third: ClusterProcess;
  const clients: TestClient[] = [];

  // Two instances in this process and three others, which end one after the other. All reports go to one log.
  beforeAll(async () => {
    presence = await PresenceCluster.start('Redis', 2, TIMES);
    const options = { ...TIMES, redis: testRedisUrl(), prefix: presence.cluster.prefix };
    const starting = Array.from({ length: 3 }, async () => {
      const started = await ClusterProcess.start(options);
      await started.listen('presence', 'changes$', (change) => {
        presence.log.changes.push(change as PresenceChange);
      });
      return started;
    });
    [first, second, third] = (await Promise.all(starting)) as [
      ClusterProcess,
      ClusterProcess,
      ClusterProcess,
    ];
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    for (const { clients: own } of presence.cluster.instances) {
      for (const client of own.splice(0)) client.close();
    }
  });
  afterAll(async () => {
    await Promise.all([first, second, third].map((each) => each.kill()));
    await presence.close();
  });

  const connect = async ({ url }: ClusterProcess, token: string): Promise<TestClient> => {
    const client = await TestClient.connect(url, { token });
    clients.push(client);
    return client;
  };
  /** The earliest time at which the current leases of these instances expire. */
  const leasesEnd = async (...instanceIds: string[]): Promise<number> => {
    const redis = new Redis(testRedisUrl());
    const key = `${presence.cluster.prefix}:presence:{leases}:leases`;
    const owners = (await redis.zrange(key, '0', '-1')).filter((owner) =>
      instanceIds.includes(owner.split('.')[0] ?? ''),
    );
    const ends = await redis.zmscore(key, ...owners);
    redis.disconnect();
    expect(ends).toHaveLength(instanceIds.length);
    return Math.min(...ends.map(Number));
  };

  it('is the same as any other: it answers queries, and each change is reported once by one instance', async () => {
    const alice = await connect(first, 'alice');
    await presence.connect(0, 'bob');
    await presence.reportsOf('alice', 'online');
    await presence.reportsOf('bob', 'online');
    expect(await presence.service(1).isOnline('alice')).toBe(true);
    expect(await first.call('presence', 'areOnline', ['alice', 'bob', 'carol'])).toEqual(
      new Map([
        ['alice', true],
        ['bob', true],
        ['carol', false],
      ]),
    );
    await alice.closed();
    await presence.reportsOf('alice', 'online', 'offline');
    await presence.settled();
    expect(presence.changesOf('alice')).toMatchObject([
      { type: 'online', instanceId: first.instanceId },
      { type: 'offline', instanceId: first.instanceId },
    ]);
  });

  it('that is frozen for less than its lease: nothing changes', async () => {
    await connect(first, 'stays');
    const leaves = await connect(first, 'leaves');
    await presence.reportsOf('stays', 'online');
    await presence.reportsOf('leaves', 'online');
    for (let times = 0; times < 3; times++) {
      first.freeze();
      await sleep(FROZEN_MS);
      first.thaw();
      await first.call('presence', 'count');
    }
    leaves.close();
    await presence.reportsOf('leaves', 'online', 'offline');
    await presence.settled();

    expect(presence.typesOf('stays')).toEqual(['online']);
    expect(await first.call('presence', 'isOnline', 'stays')).toBe(true);
  });

  it('that is frozen for longer than its lease: it brings back no former users, and keeps its real ones', async () => {
    const users = ['keeps', 'moves', 'goes', 'returns'] as const;
    const [, moves, goes, returns] = await Promise.all(users.map((user) => connect(first, user)));
    for (const user of users) await presence.reportsOf(user, 'online');
    await presence.confirmed();

    first.freeze();
    moves?.close();
    await presence.connect(0, 'moves');
    goes?.close();
    returns?.close();
    for (const user of ['keeps', 'goes', 'returns'])
      await presence.reportsOf(user, 'online', 'offline');
    await presence.connect(1, 'returns');
    await presence.reportsOf('returns', 'online', 'offline', 'online');
    await presence.settled();
    expect(await presence.service(0).areOnline(users)).toEqual(
      new Map([
        ['keeps', false],
        ['moves', true],
        ['goes', false],
        ['returns', true],
      ]),
    );

    first.thaw();
    await presence.reportsOf('keeps', 'online', 'offline', 'online');
    const sockets = async (): Promise<number | undefined> =>
      (await first.call<{ sockets: number }[]>('cluster', 'members'))[0]?.sockets;
    await until(
      async () => (await sockets()) === 1,
      () => 'it to notice who has gone',
    );
    await presence.settled();
    // It takes part as before.
    const news = await connect(first, 'new');
    await presence.reportsOf('new', 'online');
    news.close();
    await presence.reportsOf('new', 'online', 'offline');
    await presence.settled();

    expect(presence.typesOf('keeps')).toEqual(['online', 'offline', 'online']);
    expect(presence.typesOf('moves')).toEqual(['online']);
    expect(presence.typesOf('goes')).toEqual(['online', 'offline']);
    expect(presence.typesOf('returns')).toEqual(['online', 'offline', 'online']);
    expect(
      presence.changesOf('keeps').map(({ instanceId }) => instanceId === first.instanceId),
    ).toEqual([true, false, true]);
    for (const instance of [0, 1]) {
      const { userIds } = await presence.service(instance).onlineUsers();
      expect([...userIds].toSorted()).toEqual(['keeps', 'moves', 'returns']);
    }
  });

  it('that closes: its users are offline soon, without waiting for the lease', async () => {
    await connect(third, 'erin');
    await presence.reportsOf('erin', 'online');
    const before = Date.now();
    expect(await third.close()).toBe(0);
    await presence.reportsOf('erin', 'online', 'offline');

    const [, offline] = presence.changesOf('erin');
    expect((offline?.at ?? 0) - before).toBeGreaterThanOrEqual(GRACE_MS);
    await presence.settled();
    expect(presence.typesOf('erin')).toEqual(['online', 'offline']);
  });

  it('that is killed: its users are offline after lease and grace period, reported once by one survivor', async () => {
    const users = Array.from({ length: 30 }, (_, index) => `user-${index}`);
    const both = [first, second];
    await Promise.all(users.map((user, index) => connect(index % 2 === 0 ? first : second, user)));
    await Promise.all(both.map((each) => connect(each, 'everywhere')));
    await presence.connect(0, 'everywhere');
    await connect(first, 'comes back');
    for (const user of [...users, 'everywhere', 'comes back'])
      await presence.reportsOf(user, 'online');
    await presence.confirmed();

    const end = await leasesEnd(...both.map(({ instanceId }) => instanceId));
    await Promise.all(both.map((each) => each.kill()));
    await presence.connect(1, 'comes back');
    for (const user of users) await presence.reportsOf(user, 'online', 'offline');
    await presence.settled();

    const survivors = presence.cluster.instances.map(instanceIdOf);
    for (const user of users) {
      expect(presence.typesOf(user)).toEqual(['online', 'offline']);
      const [, offline] = presence.changesOf(user);
      expect(survivors).toContain(offline?.instanceId);
      expect(offline?.at).toBeGreaterThanOrEqual(end + GRACE_MS);
    }
    expect(presence.typesOf('everywhere')).toEqual(['online']);
    expect(presence.typesOf('comes back')).toEqual(['online']);
    const { userIds } = await presence.service(1).onlineUsers();
    expect([...userIds].toSorted()).toEqual(['comes back', 'everywhere']);
  });
});
