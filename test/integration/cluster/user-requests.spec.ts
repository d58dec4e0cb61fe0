import { afterEach, describe, expect, it } from '@jest/globals';
import {
  RedisPropagatorService,
  type RedisPropagatorOptions,
  type UserAnswers,
} from '../../../src/index.js';
import { untilMembersKnown, instanceIdOf } from '../../support/members.js';
import { inAnyOrder } from '../../support/events-of.js';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

type Acknowledge = (answer?: unknown) => void;

const NOBODY = { items: [], unanswered: [], missing: [], complete: true };

function answering(client: TestClient, answer: unknown): void {
  client.socket.on('question', (...args: unknown[]) => (args.at(-1) as Acknowledge)(answer));
}

describe('requestUser', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  /** Alice on three instances, and bob on the first. */
  const start = async (options: RedisPropagatorOptions = {}) => {
    cluster = await givenCluster().of(3).with(PlainGateway).configured(options).start();
    await untilMembersKnown(cluster);
    const alices: TestClient[] = [];
    for (const instance of cluster.instances)
      alices.push(await instance.connect({ token: 'alice' }));
    const [a, b, c] = alices as [TestClient, TestClient, TestClient];
    return { a, b, c, bob: await cluster.instance(0).connect({ token: 'bob' }) };
  };
  const answerOf = (client: TestClient, index: number, answer: unknown) => ({
    socketId: client.id,
    instanceId: instanceIdOf(cluster.instance(index)),
    answer,
  });
  const question = { userId: 'alice', event: 'question' };

  it('collects the replies of all devices of the user, with their sockets', async () => {
    const { a, b, c, bob } = await start();
    const bytes = Buffer.from([0, 255]);
    answering(a, 'on the first');
    answering(b, { bytes });
    answering(c, null);
    answering(bob, 'not asked');

    const answers = await cluster
      .instance(1)
      .propagator.requestUser({ ...question, data: { n: 1 } });

    expect(answers).toEqual({
      items: expect.arrayContaining([
        answerOf(a, 0, 'on the first'),
        answerOf(b, 1, { bytes }),
        answerOf(c, 2, null),
      ]),
      unanswered: [],
      missing: [],
      complete: true,
    });
    expect(answers.items).toHaveLength(3);
    await cluster.settled(a, b, c, bob);
    for (const client of [a, b, c]) {
      expect(client.received).toEqual([
        { event: 'question', args: [{ n: 1 }, expect.any(Function)] },
      ]);
    }
    expect(bob.received).toEqual([]);
  });

  it('sends no argument if there is no data, and accepts an empty reply', async () => {
    const { a, b, c } = await start();
    for (const client of [a, b, c]) {
      client.socket.on('question', (...args: unknown[]) => (args.at(-1) as Acknowledge)());
    }

    const { items, complete } = await cluster.instance(0).propagator.requestUser(question);

    expect(complete).toBe(true);
    expect(items).toHaveLength(3);
    expect(a.received[0]?.args).toHaveLength(1);
  });

  it('names the devices that did not reply in time, and returns the replies of the others', async () => {
    const { a, b, c } = await start();
    answering(a, 'here');
    answering(c, 'there');

    const answers = await cluster
      .instance(0)
      .propagator.requestUser({ ...question, timeoutMs: 3_000 });

    expect(answers).toEqual({
      items: expect.arrayContaining([answerOf(a, 0, 'here'), answerOf(c, 2, 'there')]),
      unanswered: [b.id],
      missing: [],
      complete: true,
    });
    expect(answers.items).toHaveLength(2);
  });

  it('waits as long as the option says by default', async () => {
    const { a, b, c } = await start({ ackTimeoutMs: 3_000 });
    for (const client of [a, b]) {
      client.socket.on('question', (answer: Acknowledge) => setTimeout(answer, 50, 'late'));
    }

    const answers = await cluster.instance(2).propagator.requestUser(question);

    expect(inAnyOrder(answers.items)).toEqual(
      inAnyOrder([answerOf(a, 0, 'late'), answerOf(b, 1, 'late')]),
    );
    expect(answers.unanswered).toEqual([c.id]);
  });

  it('asks nobody and is complete if the user is offline or unknown', async () => {
    const { a } = await start();
    const { propagator } = cluster.instance(0);
    answering(a, 'here');

    expect(await propagator.requestUser({ ...question, userId: 'nobody' })).toEqual(NOBODY);
    expect(await propagator.requestUser({ ...question, namespace: '/nowhere' })).toEqual(NOBODY);
    expect(await propagator.of('/nowhere').requestUser(question)).toEqual(NOBODY);
  });

  it('does not ask the excluded socket, on any instance', async () => {
    const { a, b, c } = await start();
    for (const client of [a, b, c]) answering(client, client.id);

    for (const client of [a, c]) {
      const { items } = await cluster
        .instance(0)
        .propagator.requestUser({ ...question, exceptSocketId: client.id });
      expect(inAnyOrder(items.map(({ socketId }) => socketId))).toEqual(
        inAnyOrder([a, b, c].filter((other) => other !== client).map(({ id }) => id)),
      );
    }
  });

  it('works from a worker without gateways, and in a namespace', async () => {
    const { a } = await start();
    for (const index of [0, 1, 2]) serverOf(cluster, index).of('/chat');
    const chatter = await cluster.instance(2).connect({ token: 'alice', namespace: '/chat' });
    answering(a, 'root');
    answering(chatter, 'chat');
    const worker = await cluster.startWorker();

    const answers: UserAnswers<string> = await worker
      .get(RedisPropagatorService)
      .of('/chat')
      .requestUser<string>(question);

    expect(answers).toEqual({ ...NOBODY, items: [answerOf(chatter, 2, 'chat')] });
  });

  it('leaves nothing behind on the sockets', async () => {
    const { a, b, c } = await start();
    for (const client of [a, b]) answering(client, 'here');

    await cluster.instance(0).propagator.requestUser({ ...question, timeoutMs: 100 });

    const waiting = (): number[] =>
      [a, b, c].map(
        ({ id }) => (socketOf(cluster, id) as unknown as { acks: Map<number, unknown> }).acks.size,
      );
    await until(
      () => waiting().every((count) => count === 0),
      () => `nobody to be waited for, got ${waiting().join()}`,
    );
    expect(waiting()).toEqual([0, 0, 0]);
  });
});
