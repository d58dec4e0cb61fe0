import { afterEach, describe, expect, it } from '@jest/globals';
import type { Namespace } from 'socket.io';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { instanceIdOf, startPair } from '../../support/members.js';
import { FakeInstance, remoteSocket } from '../../support/fake-instance.js';
import { thrower } from '../../support/hostile-values.js';
import { serverOf, socketOf } from '../../support/plain-gateway.js';
import { RawClient } from '../../support/raw-client.js';
import { sessionsOf } from '../../support/session-gateways.js';
import type { TestClient } from '../../support/test-client.js';
import type { TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

type Acknowledge = (answer: unknown) => void;

function nested(depth: number): unknown {
  let value: unknown = 'deep';
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

function cycle(): Record<string, unknown> {
  const value: Record<string, unknown> = { level: 7 };
  value['self'] = value;
  return value;
}

const throwing = (object: object, name: string): void => {
  Object.defineProperty(object, name, { get: thrower });
};

const dataBy = (items: readonly { id: string; data: unknown }[]) =>
  Object.fromEntries(items.map(({ id, data }) => [id, data]));

const answering = (client: TestClient, answer: unknown): void => {
  client.socket.on('question', (...args: unknown[]) => (args.at(-1) as Acknowledge)(answer));
};

describe('one invalid entry', () => {
  let cluster: TestCluster;
  let fake: FakeInstance | undefined;
  let worse: RawClient | undefined;
  afterEach(async () => {
    fake?.close();
    worse?.close();
    fake = worse = undefined;
    await cluster.close();
  });

  /** Connects Alice twice to the second instance. */
  const start = async (options: RedisPropagatorOptions = {}) => {
    cluster = await startPair(options);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const good = await b.connect({ token: 'alice' });
    const bad = await b.connect({ token: 'alice', query: { v: '1' } });
    Object.assign(socketOf(cluster, good.id).data, { level: 1 });
    return { a, b, good, bad };
  };
  it.each<[string, unknown, unknown, string]>([
    ['has a cycle', cycle(), { level: 7 }, 'socket-details.cycle'],
    ['is a string', 'text', {}, 'socket-details.unserialisable'],
    ['is null', null, {}, 'socket-details.unserialisable'],
    ['is a Date', new Date(0), {}, 'socket-details.unserialisable'],
    ['becomes a string', { toJSON: () => 'text' }, {}, 'socket-details.unserialisable'],
    [
      'has what Socket.IO takes for a place of binary data',
      { level: 7, bytes: Buffer.from('x'), place: { _placeholder: true, num: 99 } },
      { level: 7, bytes: Buffer.from('x') },
      'socket-details.unserialisable',
    ],
    ['has a BigInt', { level: 7, big: 1n }, { level: 7 }, 'socket-details.unserialisable'],
    [
      'is very deep',
      { level: 7, deep: nested(50_000) },
      expect.objectContaining({ level: 7 }),
      'socket-details.too-deep',
    ],
    [
      'is very large',
      { level: 7, text: 'x'.repeat(5_000_000) },
      { level: 7 },
      'socket-details.too-large',
    ],
    [
      'has a timer',
      { level: 7, timer: setTimeout(() => {}, 61_234).unref() },
      expect.objectContaining({ level: 7 }),
      'socket-details.cycle',
    ],
    [
      'has an object without toString',
      { level: 7, o: { toString: 1 } },
      { level: 7, o: { toString: 1 } },
      '',
    ],
  ])('among the sockets, whose data %s, hides only that data', async (_, data, known, kind) => {
    const { a, b, good, bad } = await start();
    socketOf(cluster, bad.id).data = data as never;

    const users = await a.propagator.fetchUserSockets('alice');
    const fetched = await serverOf(cluster, 0).fetchSockets();
    const local = await b.propagator.fetchUserSockets('alice');

    const expected = { [good.id]: { userId: 'alice', level: 1 }, [bad.id]: known };
    expect(dataBy(users.items)).toEqual(expected);
    expect(users).toMatchObject({ missing: [], complete: true });
    expect(dataBy(fetched)).toEqual(expected);
    expect(dataBy(local.items)).toEqual(expected);
    // Logged once for each kind, however many requests there are.
    const lines = cluster.logger.matching(/^warn socket-details\./);
    expect(lines.map((line) => line.split(/[ :]/)[1])).toEqual(kind === '' ? [] : [kind]);
    for (const line of lines) expect(line).toContain(`of socket ${bad.id} is left out`);
  });

  it.each<[string, { auth?: string; query?: string }]>([
    [
      'auth is 50,000 deep',
      { auth: `{"token":"alice","deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}` },
    ],
    ['auth has no toString', { auth: '{"token":"alice","toString":1,"device":{"toString":1}}' }],
    ['auth has a prototype', { auth: '{"token":"alice","__proto__":{"device":1}}' }],
    [
      'URL is 15,000 question marks',
      { auth: '{"token":"alice"}', query: `&${'?'.repeat(15_000)}` },
    ],
    ['query is long', { auth: '{"token":"alice"}', query: `&device=${'x'.repeat(15_000)}` }],
  ])('among the sockets, whose %s, hides no other socket', async (_, hostile) => {
    const { a, b, good, bad } = await start({
      sharedHandshake: { auth: ['device', 'deep'], query: ['device'] },
    });
    worse = await RawClient.connect(b.url, hostile);
    const ids = [good.id, bad.id, worse.id].sort();
    const startedAt = performance.now();
    const { items, complete } = await a.propagator.fetchUserSockets('alice');
    const sessions = await sessionsOf(a).sessions('alice');
    expect(items.map(({ id }) => id).sort()).toEqual(ids);
    expect(sessions.items.map(({ socketId }) => socketId).sort()).toEqual(ids);
    expect([complete, sessions.complete]).toEqual([true, true]);
    expect((await serverOf(cluster, 0).fetchSockets()).map(({ id }) => id).sort()).toEqual(ids);
    // Quadratic work on the URL took seconds.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it.each<[string, (socket: { handshake: object }) => void]>([
    ['', (socket) => Object.assign(socket, { handshake: undefined })],
    [' by a getter that throws', (socket) => throwing(socket, 'handshake')],
    [' by headers that throw', ({ handshake }) => throwing(handshake, 'headers')],
    [' by an address that throws', ({ handshake }) => throwing(handshake, 'address')],
    [' by a time that throws', ({ handshake }) => throwing(handshake, 'issued')],
  ])(
    'among the sockets, whose handshake the app has replaced%s, hides no other socket',
    async (_, replace) => {
      const { a, b, good, bad } = await start();
      replace(socketOf(cluster, bad.id));
      const { items, complete } = await a.propagator.fetchUserSockets('alice');
      expect(items.map(({ id }) => id).sort()).toEqual([good.id, bad.id].sort());
      expect(complete).toBe(true);
      const sessions = await sessionsOf(a).sessions('alice');
      expect(sessions.items.map(({ socketId }) => socketId).sort()).toEqual(
        [good.id, bad.id].sort(),
      );
      expect(sessions.complete).toBe(true);
      expect((await sessionsOf(b).sessions('alice')).items).toHaveLength(2);
    },
  );

  it('among the replies of clients is missing, and the others arrive', async () => {
    const { a, b, good, bad } = await start({ maxMessageBytes: 100_000, ackTimeoutMs: 2_000 });
    answering(good, 'fine');
    answering(bad, 'x'.repeat(200_000));

    const answers = await a.propagator.requestUser({ userId: 'alice', event: 'question' });

    expect(answers).toEqual({
      items: [{ socketId: good.id, instanceId: instanceIdOf(b), answer: 'fine' }],
      unanswered: [bad.id],
      missing: [instanceIdOf(b)],
      complete: false,
    });
    expect(b.counts).toEqual({ 'reply.failed': 1 });
  });

  it('among the replies of servers is missing, and the others arrive', async () => {
    const { a, b } = await start();
    serverOf(cluster, 1).on('ask', (...args: unknown[]) => (args.at(-1) as Acknowledge)(1n));
    const [error, answers] = await new Promise<[Error | null, unknown[]]>((resolve) => {
      (serverOf(cluster, 0) as unknown as Namespace).serverSideEmit(
        'ask',
        (...ended: [Error | null, unknown[]]) => resolve(ended),
      );
    });
    expect(answers).toEqual([]);
    expect(error?.message).toContain(instanceIdOf(b));
    expect(b.counts['reply.failed']).toBe(1);
    expect(a.counts['reply.failed']).toBeUndefined();
  });

  it('in a list from another instance is left out, its instance is missing, and the request does not wait', async () => {
    const { a, good, bad } = await start();
    fake = await FakeInstance.memberOf(cluster);
    const fetching = a.propagator.fetchUserSockets('alice');
    const one = { ...remoteSocket('one'), data: 'text' };
    await fake.answer(await fake.asked(), { part: [remoteSocket('other'), one, null], number: 0 });

    const { items, missing, complete } = await fetching;
    expect(items.map(({ id }) => id).sort()).toEqual([good.id, bad.id, 'other'].sort());
    expect({ missing, complete }).toEqual({ missing: [fake.instanceId], complete: false });
    expect(
      cluster.logger.matching(
        /message\.malformed: a reply: 2 of 3 items do not have the requested form/,
      ),
    ).toHaveLength(1);
  });

  it.each<[string, unknown[]]>([
    ['nothing', []],
    ['an object in place of its name', [{ a: 1 }, 2]],
    ['a reserved name', ['disconnect', 1]],
  ])('among the requests to clients, an event with %s, disconnects no client', async (_, data) => {
    const { b, good, bad } = await start();
    fake = await FakeInstance.memberOf(cluster);

    const params = { namespace: '/', rooms: [], except: [], data };
    await fake.sendTo(instanceIdOf(b), {
      type: 'request',
      id: 1,
      operation: 'ask',
      params,
      timeoutMs: 1_000,
    });

    await until(
      () => fake?.replies.some(({ error }) => error !== undefined) === true,
      () => 'the question to be refused',
    );
    await cluster.settled(good, bad);
    expect([...good.received, ...bad.received]).toEqual([]);
    expect(b.counts).toMatchObject({ 'request.failed': 1 });
  });
});
