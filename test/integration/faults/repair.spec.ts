import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { PlainGateway } from '../../support/plain-gateway.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

describe('events while connections to Redis are lost', () => {
  let cluster: TestCluster;
  let redis: RunningRedis;
  afterEach(async () => {
    await cluster.close();
    await redis.stop();
  });

  it('arrive once and in order when the subscribers are killed again and again', async () => {
    redis = await startOwnRedis();
    cluster = await givenCluster().of(3).with(PlainGateway).onRedis(redis.url).start();
    const client = await cluster.instance(1).connect({ token: 'alice' });
    const got: number[] = [];
    client.socket.on('n', (n: number) => got.push(n));
    const admin = new Redis(redis.url);
    let sent = 0;
    const sending = (async () => {
      for (; sent < 3_000; sent++) {
        void cluster.instance(0).propagator.emitToUser({ userId: 'alice', event: 'n', data: sent });
        if (sent % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    await sending;
    await until(
      () => got.length >= 3_000,
      () =>
        `3000 events, there are ${got.length}; counts: ${JSON.stringify(cluster.instances.map((i) => i.counts))}`,
      15_000,
    );
    await cluster.settled(client);
    expect(got).toEqual(Array.from({ length: 3_000 }, (_, n) => n));
    admin.disconnect();
  });

  it('arrive once and in order when Redis is killed and comes back', async () => {
    redis = await startOwnRedis();
    cluster = await givenCluster().of(3).with(PlainGateway).onRedis(redis.url).start();
    const client = await cluster.instance(1).connect({ token: 'alice' });
    const got: number[] = [];
    client.socket.on('n', (n: number) => got.push(n));
    let sent = 0;
    const failed: unknown[] = [];
    const sending = (async () => {
      for (; sent < 3_000; sent++) {
        cluster
          .instance(0)
          .propagator.emitToUser({ userId: 'alice', event: 'n', data: sent })
          .catch((error: unknown) => failed.push(error));
        if (sent % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await redis.kill();
      redis = await startOwnRedis([], { port: redis.port });
    }
    await sending;
    await until(
      () => got.length + failed.length >= 3_000,
      () =>
        `3000 events, there are ${got.length}, failed ${failed.length}; counts: ${JSON.stringify(cluster.instances.map((i) => i.counts))} ${cluster.logger.lines.join('\n')}`,
      15_000,
    );
    expect(failed).toEqual([]);
    await cluster.settled(client);
    expect(got).toEqual(Array.from({ length: 3_000 }, (_, n) => n));
  });
});
