import { afterEach, describe, expect, it } from '@jest/globals';
import { userRoom, type RedisPropagatorOptions } from '../../../src/index.js';
import { untilMembersKnown } from '../../support/members.js';
import { untilDisconnected } from '../../support/until-disconnected.js';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

type Acknowledge = (answer?: unknown) => void;

/** Enough for the replies of the others, while one client says nothing. */
const ENOUGH_MS = 4_000;

/** Acknowledges every event with its own name. */
function answering(client: TestClient, name: unknown): TestClient {
  client.socket.on('question', (...args: unknown[]) => (args.at(-1) as Acknowledge)(name));
  return client;
}

interface PartialAnswers extends Error {
  responses: unknown;
}

/** The error of a rejected emit, and the replies attached to it. */
async function failureOf(
  asking: Promise<unknown>,
): Promise<{ message: string; responses: unknown }> {
  try {
    await asking;
  } catch (error) {
    const { message, responses } = error as PartialAnswers;
    return { message, responses };
  }
  throw new Error('it was answered in full');
}

const sorted = (answers: unknown): unknown[] =>
  [...(answers as unknown[])].sort((a, b) => String(a).localeCompare(String(b)));

describe.each([1, 3])('acknowledgements of broadcasts, on %i instances,', (size) => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());
  const last = size - 1;

  /** Alice on the first, second and third instance (as far as there are so many), and bob on the last. */
  const start = async (options: RedisPropagatorOptions = {}) => {
    cluster = await givenCluster().of(size).with(PlainGateway).configured(options).start();
    await untilMembersKnown(cluster);
    const connect = (index: number, token: string) =>
      cluster.instance(index % size).connect({ token });
    const alices = [
      await connect(0, 'alice'),
      await connect(1, 'alice'),
      await connect(2, 'alice'),
    ];
    const bob = await connect(2, 'bob');
    return { alices, bob, everybody: [...alices, bob] };
  };

  it('come from all clients, from rooms and from users', async () => {
    const { alices, bob, everybody } = await start();
    for (const [index, client] of alices.entries()) answering(client, `alice ${index}`);
    answering(bob, 'bob');
    await bob.ask('join', 'lobby');
    await alices[0]?.ask('join', ['lobby', 'hall']);
    const all = ['alice 0', 'alice 1', 'alice 2', 'bob'];
    const server = serverOf(cluster, last);

    expect(sorted(await server.compress(true).emitWithAck('question'))).toEqual(all);
    expect(sorted(await server.to('lobby').emitWithAck('question', 1))).toEqual(['alice 0', 'bob']);
    expect(sorted(await server.to(['lobby', 'hall']).emitWithAck('question'))).toEqual([
      'alice 0',
      'bob',
    ]);
    expect(sorted(await server.to(userRoom('alice')).emitWithAck('question'))).toEqual(
      all.slice(0, 3),
    );
    expect(sorted(await server.except('lobby').emitWithAck('question'))).toEqual([
      'alice 1',
      'alice 2',
    ]);
    expect(await server.to(bob.id).emitWithAck('question')).toEqual(['bob']);
    const origin = socketOf(cluster, bob.id);
    expect(sorted(await origin.broadcast.emitWithAck('question'))).toEqual(all.slice(0, 3));
    expect(sorted(await origin.to('lobby').emitWithAck('question'))).toEqual(['alice 0']);
    for (const client of everybody) expect(client.socket.connected).toBe(true);
  });

  it('carry any data in both directions', async () => {
    const { alices } = await start();
    const bytes = Buffer.from([0, 255]);
    const given: unknown[] = [];
    const [a] = alices as [TestClient];
    a.socket.on('question', (...args: unknown[]) => {
      given.push(...args.slice(0, -1));
      (args.at(-1) as Acknowledge)({ bytes, nothing: null });
    });

    const answers = await serverOf(cluster, last)
      .to(a.id)
      .emitWithAck('question', 1, { bytes }, null);

    expect(answers).toEqual([{ bytes, nothing: null }]);
    expect(given).toEqual([1, { bytes }, null]);
  });

  it('are an empty list at once if no client was asked', async () => {
    await start();

    expect(await serverOf(cluster, last).to('nowhere').emitWithAck('question')).toEqual([]);
    expect(
      await serverOf(cluster, last)
        .to(undefined as never)
        .emitWithAck('question'),
    ).toEqual([]);
  });

  it('end with an error after the timeout, together with the replies that came by then', async () => {
    const { alices, bob } = await start();
    const [a, b, c] = alices as [TestClient, TestClient, TestClient];
    answering(a, 'alice 0');
    answering(c, 'alice 2');
    answering(bob, 'bob');
    b.socket.on('question', () => 'says nothing');

    const failure = await failureOf(
      serverOf(cluster, last).timeout(ENOUGH_MS).emitWithAck('question'),
    );

    expect(failure.message).toBe('operation has timed out');
    expect(sorted(failure.responses)).toEqual(['alice 0', 'alice 2', 'bob']);
    // Also with a callback.
    const called = await new Promise<[Error | null, unknown]>((resolve) => {
      serverOf(cluster, last)
        .timeout(ENOUGH_MS)
        .to(b.id)
        .emit('question', (error: Error | null, answers: unknown) => resolve([error, answers]));
    });
    expect(called).toEqual([new Error('operation has timed out'), []]);
  });

  // Without `.timeout()` Socket.IO would end at once with an empty list.
  it('have the time limit of the option without timeout()', async () => {
    const { alices, bob } = await start({ ackTimeoutMs: ENOUGH_MS });
    const [a, b, c] = alices as [TestClient, TestClient, TestClient];
    for (const client of [a, c, bob]) answering(client, 'answer');
    // After more than a turn or two of the event loop, when Socket.IO would have ended it.
    b.socket.on('question', (answer: Acknowledge) => setTimeout(answer, 50, 'late'));

    const server = serverOf(cluster, last);
    expect(sorted(await server.compress(true).emitWithAck('question'))).toEqual([
      'answer',
      'answer',
      'answer',
      'late',
    ]);

    b.socket.off('question');
    expect(await failureOf(server.compress(true).emitWithAck('question'))).toEqual({
      message: 'operation has timed out',
      responses: ['answer', 'answer', 'answer'],
    });
  });

  it('leave nothing on the sockets, with or without a reply', async () => {
    const { alices, bob, everybody } = await start();
    for (const client of alices) answering(client, 'answer');

    const server = serverOf(cluster, last);
    await server.to(userRoom('alice')).emitWithAck('question');
    await failureOf(server.timeout(50).emitWithAck('question'));

    await bob.waitFor('question');
    expect(bob.received.map(({ event }) => event)).toEqual(['question']);
    const waiting = () =>
      everybody.map((client) => (socketOf(cluster, client.id) as unknown as WithAcks).acks.size);
    await until(
      () => waiting().every((count) => count === 0),
      () => `nobody to be waited for, got ${waiting().join()}`,
    );
  });

  it('of one client that disconnects are missing, and those of the others arrive', async () => {
    const { alices, bob } = await start();
    const [a, b, c] = alices as [TestClient, TestClient, TestClient];
    for (const client of [a, c, bob]) answering(client, 'answer');
    b.socket.on('question', () => b.close());

    const failure = await failureOf(
      serverOf(cluster, 0).timeout(ENOUGH_MS).emitWithAck('question'),
    );

    await untilDisconnected(b);
    expect(failure).toEqual({
      message: 'operation has timed out',
      responses: ['answer', 'answer', 'answer'],
    });
  });
});

interface WithAcks {
  acks: Map<number, unknown>;
}
