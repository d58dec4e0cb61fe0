import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { givenCluster, testRedisUrl, type TestCluster } from '../support/test-cluster.js';
import { startOwnRedis } from '../support/own-redis.js';

@WebSocketGateway()
class RootGateway {}

/** The events of a client of each app when the first one emits, and the receipts. */
async function receivedWhenTheFirstEmits(first: TestCluster, second: TestCluster) {
  const one = await first.instance(0).connect({ token: 'alice' });
  const other = await second.instance(0).connect({ token: 'alice' });
  const { propagator } = first.instance(0);
  const receipts = [
    await propagator.emitToUser({ userId: 'alice', event: 'user' }),
    await propagator.emitToAll({ event: 'all' }),
    await propagator.emitToAuthenticated({ event: 'authenticated' }),
  ];
  await first.settled(one);
  await second.settled(other);
  return { receipts, first: one.events, second: other.events };
}

const HERE = { localSockets: 1, remoteInstances: 0, reached: true };
const ALL_OF_THE_FIRST = {
  receipts: [HERE, HERE, HERE],
  first: ['user', 'all', 'authenticated'],
  second: [],
};

describe('separate apps', () => {
  const clusters: TestCluster[] = [];
  afterEach(async () => {
    await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
  });
  const start = async (builder: ReturnType<typeof givenCluster>): Promise<TestCluster> => {
    const cluster = await builder.with(RootGateway).start();
    clusters.push(cluster);
    return cluster;
  };

  // With fixed channel names staging and production on one Redis would mix.
  it('may share a Redis with different prefixes, one of them the beginning of the other', async () => {
    const shared = `test-${randomUUID()}`;
    expect(
      await receivedWhenTheFirstEmits(
        await start(givenCluster().of(1).configured({ prefix: shared })),
        await start(
          givenCluster()
            .of(1)
            .configured({ prefix: `${shared}:staging` }),
        ),
      ),
    ).toEqual(ALL_OF_THE_FIRST);
  });

  // SELECT does not separate Pub/Sub, so the prefix has to.
  it('may share one database of a Redis with different prefixes', async () => {
    const database = new URL(testRedisUrl());
    database.pathname = '/1';
    expect(
      await receivedWhenTheFirstEmits(
        await start(givenCluster().of(1).onRedis(database.href)),
        await start(givenCluster().of(1).onRedis(database.href)),
      ),
    ).toEqual(ALL_OF_THE_FIRST);
  });

  // Apps in one process, as in a test suite, must not share state of a module.
  it('may share a process and a prefix with different Redises', async () => {
    const redis = await startOwnRedis();
    const prefix = `test-${randomUUID()}`;
    expect(
      await receivedWhenTheFirstEmits(
        await start(givenCluster().of(1).configured({ prefix })),
        await start(givenCluster().of(1).configured({ prefix }).onRedis(redis.url)),
      ),
    ).toEqual(ALL_OF_THE_FIRST);
    await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
    await redis.stop();
  });

  // Apps in one process must not share state of a module.
  it('may share a process with different authentication', async () => {
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

  // Apps in one process must not share state of a module.
  it('close independently', async () => {
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
