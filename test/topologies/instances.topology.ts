import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import calculateSlot from 'cluster-key-slot';
import { Cluster as Cluster6 } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis-v5';
import { startCluster } from '../../scripts/redis/topologies/cluster.mjs';
import { startSentinel } from '../../scripts/redis/topologies/sentinel.mjs';
import type { RedisClient } from '../../src/index.js';
import type { TestClient } from '../support/test-client.js';
import type { TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { serverBin } from './support/server-bin.js';
import { started } from './support/started.js';
import { exerciseAll, startTwo } from './support/two-instances.js';

const redisCluster = started(() => startCluster(serverBin()));
const sentinel = started(startSentinel);

describe('two instances of an app', () => {
  let apps: TestCluster | undefined;
  const borrowed: RedisClient[] = [];

  afterEach(async () => {
    await apps?.close();
    await Promise.all(borrowed.splice(0).map((client) => client.quit()));
  });

  it('work on a Cluster as on one Redis', async () => {
    apps = await startTwo({ redis: { nodes: redisCluster().nodes } });
    await expect(exerciseAll(apps)).resolves.toBeUndefined();
  });

  it.each([
    ['6', () => new Cluster6(redisCluster().nodes) as RedisClient],
    ['5', () => new Cluster5(redisCluster().nodes) as RedisClient],
  ])('work with their own Cluster clients of ioredis %s', async (_, createClient) => {
    const lend = (): RedisClient => {
      const client = createClient();
      borrowed.push(client);
      return client;
    };
    apps = await startTwo(() => ({ redis: { publisher: lend(), subscriber: lend() } }));
    await expect(exerciseAll(apps)).resolves.toBeUndefined();
  });

  it('work behind Sentinels as on one Redis', async () => {
    const { sentinels, name } = sentinel();
    apps = await startTwo({ redis: { sentinels, name } });
    await expect(exerciseAll(apps)).resolves.toBeUndefined();
  });

  describe('on a Cluster that loses a master', () => {
    const userIds = Array.from({ length: 120 }, (_, index) => `user-${index}`);
    let users: TestClient[];

    beforeEach(async () => {
      apps = await startTwo({ redis: { nodes: redisCluster().nodes } });
      const { instances } = apps;
      // Each instance has every second user.
      users = await Promise.all(
        userIds.map((token, index) => (instances[index % 2] ?? instances[0])!.connect({ token })),
      );
    });

    it('serve their own users meanwhile, and reach all users again afterwards', async () => {
      if (apps === undefined) throw new Error('the apps did not start');
      const { instances, logger } = apps;
      const everywhere = (state: string) =>
        until(
          () => instances.every(({ redis }) => redis.state === state),
          () => `all to be ${state}`,
          60_000,
        );
      const [user = ''] = userIds;
      const victim = await redisCluster().masterOf(calculateSlot(apps.channel(`user:${user}`)));

      await victim.server.kill();
      await everywhere('degraded');
      const emit = (instance: number, userId: string, data: string) =>
        instances[instance]!.propagator.emitToUser({ userId, event: 'news', data });
      const refused = instances[0]!.propagator.emitToUser({
        userId: user,
        event: 'news',
        data: 'local',
        publish: 'fail-fast',
      });
      await expect(refused).rejects.toMatchObject({ code: 'redis.unavailable' });
      expect(await users[0]!.waitFor('news')).toEqual(['local']);

      await everywhere('ready');
      const receipts = await Promise.all(
        userIds.map((userId, index) => emit((index + 1) % 2, userId, 'remote')),
      );
      expect(receipts).toEqual(
        userIds.map(() => ({ localSockets: 0, remoteInstances: 1, reached: true })),
      );
      await until(
        () => users.every((client) => client.data('news').includes('remote')),
        () => 'all users to get the event',
      );
      expect(users.flatMap((client) => client.data('news'))).toHaveLength(userIds.length + 1);
      // For each instance: connected, degraded, back; and the failures in between, at most one for each kind and
      // second.
      expect(logger.lines.length).toBeLessThan(40);

      await victim.server.restart();
      await redisCluster().healthy();
    });
  });
});
