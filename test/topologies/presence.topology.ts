import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import calculateSlot from 'cluster-key-slot';
import { startCluster } from '../../scripts/redis/topologies/cluster.mjs';
import { bucketOf } from '../../src/presence/store/presence-buckets.js';
import { inAnyOrder } from '../support/events-of.js';
import { PresenceCluster } from '../support/presence/presence-cluster.js';
import type { TestClient } from '../support/test-client.js';
import { until } from '../support/until.js';
import { serverBin } from './support/server-bin.js';
import { started } from './support/started.js';

const redisCluster = started(() => startCluster(serverBin()));

/** Longer than a failover takes. */
const PATIENCE_MS = 60_000;
const ids = Array.from({ length: 60 }, (_, index) => `user-${index}`);

describe('presence on a Cluster', () => {
  let presence: PresenceCluster;
  let devices: TestClient[];

  beforeEach(async () => {
    await redisCluster().healthy();
    presence = await PresenceCluster.start('Redis', 3, {
      redis: { nodes: redisCluster().nodes },
      heartbeatIntervalMs: 200,
      publishTimeoutMs: 1_000,
      // Shorter than the failover: all leases expire meanwhile, and no instance has died.
      presence: { leaseMs: 1_000, graceMs: 100 },
    });
    devices = await Promise.all(ids.map((userId, index) => presence.connect(index % 3, userId)));
    await presence.reports(...ids);
  });
  afterEach(() => presence.close());

  const linesOf = (userId: string): string[] =>
    presence.lines.filter((line) => line.split(' ').includes(userId));
  /** Waits until all instances agree on this. */
  const online = async (userIds: readonly string[]): Promise<void> => {
    for (const instance of [0, 1, 2]) {
      const service = presence.service(instance);
      await until(
        async () => (await service.count().catch(() => -1)) === userIds.length,
        () => `instance ${instance} to count ${userIds.length}`,
        PATIENCE_MS,
      );
      const pages: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await service.onlineUsers({ cursor, limit: 7 });
        pages.push(...page.userIds);
        ({ cursor } = page);
      } while (cursor !== null);
      expect(inAnyOrder(pages)).toEqual(inAnyOrder(userIds));
    }
  };

  it('combines all nodes', async () => {
    const watched: string[] = [];
    presence
      .service(2)
      .watch()
      .subscribe(({ type, userId }) => watched.push(`${type} ${userId}`));
    await online(ids);
    const service = presence.service(1);
    expect([...(await service.areOnline([...ids, 'nobody'])).values()]).toEqual([
      ...ids.map(() => true),
      false,
    ]);
    for (const device of devices.slice(0, 20)) device.close();
    await online(ids.slice(20));
    await presence.settled();
    await until(
      () => watched.filter((line) => line.startsWith('offline user')).length === 20,
      () => `20 to be seen going, got ${watched.join(', ')}`,
    );
    for (const [index, userId] of ids.entries()) {
      const expected = [`online ${userId}`, ...(index < 20 ? [`offline ${userId}`] : [])];
      expect(linesOf(userId)).toEqual(expected);
    }
  });

  it('of an instance ends on all nodes', async () => {
    await presence.cluster.instance(0).close();
    const others = ids.filter((_, index) => index % 3 !== 0);
    await until(
      async () => (await presence.service(1).count()) === others.length,
      () => 'the users of the first instance to be offline',
    );
    await presence.reports(...ids, ...ids.filter((_, index) => index % 3 === 0));
    for (const [index, userId] of ids.entries()) {
      const expected = [`online ${userId}`, ...(index % 3 === 0 ? [`offline ${userId}`] : [])];
      expect(linesOf(userId)).toEqual(expected);
    }
  });

  it.each([
    ['the leases', '{leases}'],
    ['users', `{${bucketOf('user-0')}}`],
  ])('does not change when the master that has %s dies', async (_, tag) => {
    await presence.settled();
    const victim = await redisCluster().masterOf(calculateSlot(tag));
    // Its replica must be up to date; otherwise this is a loss of data.
    await victim.admin.set(`marker:${tag}`, 'all that came before');
    expect(await victim.admin.call('WAIT', '1', '5000')).toBe(1);
    await victim.server.kill();
    await presence.everywhere('degraded');
    const [leaving, ...staying] = devices;
    leaving?.close();
    const coming = await presence.connect(1, 'late');
    await until(
      () => presence.cluster.instances.every((instance) => instance.redis.state === 'ready'),
      () => 'the replica to take over',
      PATIENCE_MS,
    );
    await online([...ids.slice(1), 'late']);
    expect(staying.every(({ socket }) => socket.connected)).toBe(true);
    await presence.settled();
    coming.close();
    await online(ids.slice(1));
    await presence.settled();

    for (const userId of ids.slice(1)) expect(linesOf(userId)).toEqual([`online ${userId}`]);
    expect(linesOf('user-0')).toEqual(['online user-0', 'offline user-0']);
    expect(linesOf('late')).toEqual(['online late', 'offline late']);
    await victim.server.restart();
    await redisCluster().healthy();
  });
});
