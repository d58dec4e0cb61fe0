import { afterEach, describe, expect, it } from '@jest/globals';
import { ClusterService, type RedisPropagatorOptions } from '../../../src/index.js';
import { RUNTIME } from '../../../src/nest/tokens.js';
import type { Runtime } from '../../../src/nest/runtime.js';
import { instanceIdOf, othersOf, startPair } from '../../support/members.js';
import { FakeInstance, remoteSocket } from '../../support/fake-instance.js';
import { ExternalClient } from '../../support/external-client.js';
import { serverOf } from '../../support/plain-gateway.js';
import type { TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

/** The number of requests that an instance waits for. */
function underWay({ app }: TestInstance): number {
  return app.get<Runtime>(RUNTIME).requests.size;
}

const isOver = (instance: TestInstance): Promise<void> =>
  until(
    () => underWay(instance) === 0,
    () => 'the end of the question',
  );

/** A check that ends at its deadline counts as a quarter of a second. */
const SEVERAL_LOOKS_MS = 5_000;

/** Whether a request to a room without sockets ends without replies and without missing instances. */
const answersFromNowhere = (cluster: TestCluster): Promise<boolean> =>
  serverOf(cluster, 0)
    .to('nowhere')
    .emitWithAck('question')
    .then(
      (answers: unknown[]) => answers.length === 0,
      () => false,
    );

describe('a request to the cluster', () => {
  let cluster: TestCluster;
  const ending: (() => void)[] = [];
  afterEach(async () => {
    for (const end of ending.splice(0)) end();
    await cluster.close();
  });

  /** Two instances, and a fake third one. */
  const start = async (options: RedisPropagatorOptions = {}) => {
    cluster = await startPair(options);
    const [a, b] = cluster.instances as [TestInstance, TestInstance];
    const fake = await FakeInstance.memberOf(cluster);
    ending.push(() => fake.close());
    return { a, b, fake, alice: await b.connect({ token: 'alice' }) };
  };

  it('ends when all instances have replied', async () => {
    const { a, fake, alice } = await start();
    const fetching = a.propagator.fetchUserSockets('alice');
    const question = await fake.asked();
    expect(question.message).toMatchObject({ operation: 'fetch', params: { namespace: '/' } });

    await fake.answer(question, { part: [remoteSocket('from the fake')], done: false });
    await fake.answer(question, { part: [remoteSocket('and another')] });

    const { items, missing, complete } = await fetching;
    expect(items.map(({ id }) => id).sort()).toEqual(
      [alice.id, 'and another', 'from the fake'].sort(),
    );
    expect({ missing, complete }).toEqual({ missing: [], complete: true });
    expect(underWay(a)).toBe(0);
  });

  // One frozen instance must not make the request throw away the replies of all others.
  it('without a reply in time returns the other replies, and names the missing instance', async () => {
    const { a, fake, alice } = await start({ requestTimeoutMs: 3_000 });

    const [{ items, missing, complete }, sockets] = await Promise.all([
      a.propagator.fetchUserSockets('alice'),
      serverOf(cluster, 0).fetchSockets(),
    ]);

    expect(items.map(({ id }) => id)).toEqual([alice.id]);
    expect({ missing, complete }).toEqual({ missing: [fake.instanceId], complete: false });
    expect(sockets.map(({ id }) => id)).toEqual([alice.id]);
    expect(cluster.logger.matching(/^warn request\.incomplete: /)).toEqual([
      `warn request.incomplete: fetchSockets: no reply from ${fake.instanceId}`,
    ]);
  });

  it('ends early when the instance it waits for leaves, which is then not missing', async () => {
    const { a, fake } = await start();
    const fetching = a.propagator.fetchUserSockets('alice');
    await fake.asked();

    await fake.announce('bye');

    expect(await fetching).toMatchObject({ missing: [], complete: true });
  });

  it('ends early when the instance it waits for is lost, and names it', async () => {
    const { a, fake } = await start({ heartbeatIntervalMs: 50, memberTimeoutMs: 3_000 });
    const joining = a.propagator.joinUser('alice', 'lobby');
    await fake.asked();

    expect(await joining).toEqual({ count: 1, missing: [fake.instanceId], complete: false });
  });

  it('does not end early for a lost instance while others still have to reply', async () => {
    const { a, fake } = await start({ heartbeatIntervalMs: 50, memberTimeoutMs: 3_000 });
    const slow = await FakeInstance.memberOf(cluster);
    ending.push(() => slow.close());
    const heartbeats = [slow, fake].map((each) =>
      setInterval(() => void each.announce('heartbeat').catch(() => 'closed'), 50),
    );
    ending.push(() => heartbeats.forEach(clearInterval));

    const fetching = a.propagator.fetchUserSockets('nobody');
    await fake.asked();
    clearInterval(heartbeats[1]);
    // Redis did not deliver the request to the crashed instance.
    fake.close();
    await until(
      () => othersOf(a).length === 2,
      () => 'the other to be lost',
    );
    await slow.answer(await slow.asked(), { part: [remoteSocket('slow')] });

    expect(await fetching).toEqual({
      items: [remoteSocket('slow')],
      missing: [fake.instanceId],
      complete: false,
    });
  });

  it('names a member to which Redis could not deliver it, and does not wait for it', async () => {
    const { a, fake } = await start();
    fake.close();
    const external = new ExternalClient();
    ending.push(() => external.close());
    await until(
      async () =>
        (await external.channels(`${cluster.prefix}:reply:${fake.instanceId}`)).length === 0,
      () => 'Redis to notice',
    );

    expect(await a.propagator.fetchUserSockets('nobody')).toEqual({
      items: [],
      missing: [fake.instanceId],
      complete: false,
    });
  });

  it('gets a reply from an instance that has just started and is not a member yet', async () => {
    const { a, fake } = await start();
    const newcomer = await FakeInstance.of(cluster);
    ending.push(() => newcomer.close());

    const fetching = a.propagator.fetchUserSockets('nobody');
    await fake.answer(await fake.asked());
    await newcomer.answer(await newcomer.asked(), { part: [remoteSocket('new')] });

    expect(await fetching).toEqual({ items: [remoteSocket('new')], missing: [], complete: true });
  });

  it.each(['SUBSCRIBE', 'PSUBSCRIBE'])('does not wait for a subscriber with %s', async (how) => {
    const { a, fake } = await start({
      heartbeatIntervalMs: 50,
      memberTimeoutMs: 3_000,
      requestTimeoutMs: 3_000,
      ackTimeoutMs: 3_000,
    });
    await fake.announce('bye');
    fake.close();
    const external = new ExternalClient();
    ending.push(() => external.close());
    if (how === 'SUBSCRIBE') await external.redis.subscribe(`${cluster.prefix}:cluster`);
    else await external.redis.psubscribe(`${cluster.prefix}*`);

    const { outsiders } = { outsiders: () => a.app.get(ClusterService).unknownSubscribers };
    // Subscribers are counted while a request waits for more of them than there are members.
    await until(
      async () => {
        await a.propagator.fetchUserSockets('alice');
        return outsiders() === 1;
      },
      () => `the outsider to be known as one, got ${outsiders()}`,
    );
    // An instance that was frozen does not know other subscribers for a moment, and waits for their replies. Ask
    // again then.
    let answer: unknown;
    await until(
      async () => {
        const fetched = outsiders() === 1 && (await a.propagator.fetchUserSockets('alice'));
        answer = fetched;
        return fetched && fetched.complete;
      },
      () => `an answer without the outsider, one of ${outsiders()}`,
      SEVERAL_LOOKS_MS,
    );
    expect(answer).toMatchObject({ missing: [], complete: true });
    await until(
      () => answersFromNowhere(cluster),
      () => 'acknowledgements without the outsider',
      SEVERAL_LOOKS_MS,
    );
  });

  it('ends with a heartbeat if a subscriber that is no instance came after the last one', async () => {
    const { a, fake } = await start({
      heartbeatIntervalMs: 500,
      memberTimeoutMs: 10_000,
      requestTimeoutMs: 600_000,
    });
    await fake.announce('bye');
    fake.close();
    for (const count of [1, 2]) {
      const outside = new ExternalClient();
      ending.push(() => outside.close());
      await outside.redis.subscribe(`${cluster.prefix}:cluster`);
      const fetched = await a.propagator.fetchUserSockets('alice');
      expect(fetched).toMatchObject({ missing: [], complete: true });
      expect(a.app.get(ClusterService).unknownSubscribers).toBeLessThanOrEqual(count);
    }
  });

  it('is given up when the app closes', async () => {
    const { a, fake } = await start();
    const fetching = a.propagator.fetchUserSockets('nobody');
    await fake.asked();

    await a.close();

    expect(await fetching).toEqual({
      items: [],
      missing: expect.arrayContaining([fake.instanceId]),
      complete: false,
    });
    expect(underWay(a)).toBe(0);
  });

  it('for acknowledgements ends when the asking instance leaves, even if its devices did not reply', async () => {
    const { a, b, fake, alice } = await start();
    const asking = a.propagator.requestUser({ userId: 'alice', event: 'question' });
    await fake.answer(await fake.asked(), { part: { asked: [] } });
    await alice.waitFor('question');
    const { id } = alice;
    const left = instanceIdOf(b);

    await b.close();

    const { items, unanswered, missing, complete } = await asking;
    expect({ items, unanswered, missing, complete }).toEqual({
      items: [],
      unanswered: [id],
      missing: [],
      complete: true,
    });
    expect(missing).not.toContain(left);
    await isOver(a);
  });

  it('with a reply too large for one message is answered in several', async () => {
    const { a, b, fake } = await start({ maxMessageBytes: 4_096 });
    await fake.announce('bye');
    fake.close();
    for (let n = 0; n < 30; n++) await b.connect({ token: 'carol' });

    const { items, complete } = await a.propagator.fetchUserSockets('carol');
    const sockets = await serverOf(cluster, 0).fetchSockets();

    expect(complete).toBe(true);
    expect(new Set(items.map(({ id }) => id)).size).toBe(30);
    expect(sockets).toHaveLength(31);
  });
});
