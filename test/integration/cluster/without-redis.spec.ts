import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { untilMembersKnown } from '../../support/members.js';
import { inAnyOrder } from '../../support/events-of.js';
import { untilDisconnected } from '../../support/until-disconnected.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { namespaceOf, PlainGateway, serverOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

type Acknowledge = (answer: unknown) => void;

const NEVER_MS = 60_000;
/** As far as this instance knows: it could not ask. */
const IN_PART = { missing: expect.any(Array), complete: false };

describe('while Redis is down', () => {
  let redis: RunningRedis;
  let cluster: TestCluster;
  let a: TestInstance;
  let near: TestClient;
  let far: TestClient;
  beforeEach(async () => {
    redis = await startOwnRedis();
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .onRedis(redis.url)
      .configured({
        requestTimeoutMs: NEVER_MS,
        ackTimeoutMs: NEVER_MS,
        subscribeTimeoutMs: 100,
      })
      .start();
    await untilMembersKnown(cluster);
    a = cluster.instance(0);
    near = await a.connect({ token: 'alice' });
    far = await cluster.instance(1).connect({ token: 'alice' });
    for (const client of [near, far]) {
      client.socket.on('question', (answer: Acknowledge) => answer(client.id));
    }
    await redis.kill();
    await everywhere('degraded');
  });
  afterEach(async () => {
    await cluster.close();
    await redis.stop();
  });
  const everywhere = (state: string): Promise<void> =>
    until(
      () => cluster.instances.every((instance) => instance.redis.state === state),
      () => `the state ${state} of all instances`,
    );

  it('requests return the replies of this instance at once, and say that they are incomplete', async () => {
    const { propagator } = a;

    const asked = await propagator.requestUser({ userId: 'alice', event: 'question' });
    const fetched = await propagator.fetchUserSockets('alice');

    expect(asked).toMatchObject({ ...IN_PART, unanswered: [] });
    expect(asked.items.map(({ answer }) => answer)).toEqual([near.id]);
    expect(fetched).toMatchObject(IN_PART);
    expect(fetched.items.map(({ id }) => id)).toEqual([near.id]);
    expect((await serverOf(cluster, 0).fetchSockets()).map(({ id }) => id)).toEqual([near.id]);
    expect([...(await namespaceOf(cluster, 0).allSockets())]).toEqual([near.id]);
  });

  it('commands reach the sockets of this instance, and say that they are incomplete', async () => {
    const { propagator } = a;

    expect(await propagator.joinUser('alice', 'lobby')).toEqual({ count: 1, ...IN_PART });
    const event = { event: 'x', publish: 'fail-fast' } as const;
    await propagator.emitToRoom({ ...event, room: 'lobby' }).catch(() => 'only here');
    expect(await near.waitFor('x')).toEqual([undefined]);
    expect(await propagator.leaveUser('alice', 'lobby')).toEqual({ count: 1, ...IN_PART });
    expect(await propagator.disconnectUser('alice', { reason: 'bye' })).toEqual({
      count: 1,
      ...IN_PART,
    });

    await untilDisconnected(near);
    expect(far.socket.connected).toBe(true);
    expect(far.received).toEqual([]);
  });

  it('Socket.IO’s broadcasts with acknowledgements return the replies of this instance, and an error', async () => {
    const failure: unknown = await serverOf(cluster, 0)
      .timeout(3_000)
      .emitWithAck('question')
      .catch((error: unknown) => error);
    const answers = await new Promise<[Error | null, unknown[]]>((resolve) => {
      serverOf(cluster, 0).serverSideEmit('ask', (error: Error | null, responses: unknown[]) => {
        resolve([error, responses]);
      });
    });

    expect(failure).toMatchObject({ message: 'operation has timed out', responses: [near.id] });
    expect(answers[0]?.message).toContain('not all servers could answer');
    expect(answers[1]).toEqual([]);
  });

  it('none of it ends the process, and everything works again once Redis is back', async () => {
    const server = serverOf(cluster, 0);
    server.socketsJoin('lobby');
    server.socketsLeave('lobby');
    server.serverSideEmit('hello');
    server.emit('x');
    void a.propagator.disconnectUser('nobody');
    await a.served(near);

    await redis.restart();
    await everywhere('ready');
    await untilMembersKnown(cluster);

    const { items, complete } = await a.propagator.requestUser({
      userId: 'alice',
      event: 'question',
    });
    expect(complete).toBe(true);
    expect(inAnyOrder(items.map(({ answer }) => answer))).toEqual(inAnyOrder([near.id, far.id]));
    await cluster.settled(near, far);
    // The emitted events waited for Redis; commands do not.
    expect(near.data('x')).toHaveLength(1);
    expect(far.data('x')).toHaveLength(1);
  });
});
