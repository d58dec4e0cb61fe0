import { afterEach, describe, expect, it } from '@jest/globals';
import { startCluster } from '../../scripts/redis/topologies/cluster.mjs';
import { startSentinel } from '../../scripts/redis/topologies/sentinel.mjs';
import type { RedisConnection } from '../../src/index.js';
import { send, SuccessiveInstances } from '../recovery/support/successive-instances.js';
import { serverBin } from './support/server-bin.js';
import { started } from './support/started.js';

const redisCluster = started(() => startCluster(serverBin()));
const sentinel = started(startSentinel);

describe('clients of a single instance that restarts miss nothing', () => {
  let stage: SuccessiveInstances;
  afterEach(() => stage.close());

  it.each<[string, () => RedisConnection]>([
    ['on a Cluster', () => ({ nodes: redisCluster().nodes })],
    ['behind Sentinels', () => ({ sentinels: sentinel().sentinels, name: sentinel().name })],
  ])('%s', async (_, redis) => {
    stage = await SuccessiveInstances.start({ options: { redis: redis() } });
    const first = await stage.begin();
    const worker = await stage.beginWorker();
    const users = ['alice', 'bob', 'carol', 'dave'];
    const clients = await Promise.all(users.map((user) => stage.connect(user)));

    let next = first;
    await stage.withoutClients([first], async () => {
      for (const user of users) await send(first.propagator, user, 1);
      await first.close();
      for (const user of users) await send(worker, user, 2);
      next = await stage.begin();
      for (const user of users) await send(next.propagator, user, 3);
    });

    for (const client of clients) {
      expect(client.connections).toEqual([false, true]);
      // From three instances, so in any order.
      expect((await stage.settled(client, next)).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    }
    expect(next.counts).toEqual({});
  });
});
