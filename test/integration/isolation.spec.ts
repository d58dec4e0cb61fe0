import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { givenCluster, testRedisUrl, type TestCluster } from '../support/test-cluster.js';
import { startOwnRedis } from '../support/own-redis.js';

@WebSocketGateway()
class RootGateway {}

describe('apps that are not one another’s instances', () => {
  const clusters: TestCluster[] = [];
  afterEach(async () => {
    await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
  });
  const start = async (builder: ReturnType<typeof givenCluster>): Promise<TestCluster> => {
    const cluster = await builder.with(RootGateway).start();
    clusters.push(cluster);
    return cluster;
  };
  const emitEverything = async (cluster: TestCluster) => {
    const { propagator } = cluster.instance(0);
    return [
      await propagator.emitToUser({ userId: 'alice', event: 'user' }),
      await propagator.emitToAll({ event: 'all' }),
      await propagator.emitToAuthenticated({ event: 'authenticated' }),
    ];
  };
  const here = { localSockets: 1, remoteInstances: 0, reached: true };
  const expectApart = async (one: TestCluster, other: TestCluster): Promise<void> => {
    const mine = await one.instance(0).connect({ token: 'alice' });
    const theirs = await other.instance(0).connect({ token: 'alice' });

    expect(await emitEverything(one)).toEqual([here, here, here]);

    await one.settled(mine);
    await other.settled(theirs);
    expect(mine.received.map(({ event }) => event)).toEqual(['user', 'all', 'authenticated']);
    expect(theirs.received).toEqual([]);
    expect(one.instance(0).state.socketCount).toBe(1);
  };

  // pitfall 18
  it('share a Redis and have different prefixes, one of them the beginning of the other', async () => {
    const shared = `test-${randomUUID()}`;
    await expectApart(
      await start(givenCluster().of(1).configured({ prefix: shared })),
      await start(givenCluster().of(1).configured({ prefix: `${shared}:staging` })),
    );
  });

  // pitfall 18: SELECT does not separate Pub/Sub, so the prefix has to
  it('share a Redis, a database or not, and have different prefixes', async () => {
    const database = new URL(testRedisUrl());
    database.pathname = '/1';
    await expectApart(
      await start(givenCluster().of(1).onRedis(database.href)),
      await start(givenCluster().of(1).onRedis(database.href)),
    );
  });

  // pitfall 35
  it('share a process and a prefix and have different Redises', async () => {
    const redis = await startOwnRedis();
    const prefix = `test-${randomUUID()}`;
    await expectApart(
      await start(givenCluster().of(1).configured({ prefix })),
      await start(givenCluster().of(1).configured({ prefix }).onRedis(redis.url)),
    );
    await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
    await redis.stop();
  });

  // pitfall 35
  it('share a process and have their own ways of authentication', async () => {
    const strict = await start(
      givenCluster()
        .of(1)
        .configured({ auth: { authenticate: (token) => ({ userId: token }), required: true } }),
    );
    const open = await start(givenCluster().of(1).configured({ auth: undefined }));

    expect((await strict.instance(0).refusal()).data).toEqual({ code: 'auth.token-missing' });
    const anonymous = await open.instance(0).connect({ token: 'alice' });

    expect(open.instance(0).state.socketCount).toBe(0);
    expect(open.instance(0).counts).toEqual({});
    await open.settled(anonymous);
    expect(anonymous.received).toEqual([]);
  });

  // pitfall 35
  it('close without one another', async () => {
    const prefix = `test-${randomUUID()}`;
    const one = await start(givenCluster().of(1).configured({ prefix }));
    const other = await start(givenCluster().of(2).configured({ prefix }));
    const client = await other.instance(0).connect({ token: 'alice' });

    await one.close();
    await other.instance(1).propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 });

    await other.settled(client);
    expect(client.data('x')).toEqual([1]);
  });
});
