import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AuthenticatedSocket } from '../../src/index.js';
import { untilMembersKnown } from '../support/members.js';
import { PlainGateway, socketOf } from '../support/plain-gateway.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';

const handled: unknown[] = [];
const counted = (count: number) => ({ count, missing: [], complete: true });

@WebSocketGateway()
class CountingGateway extends PlainGateway {
  @SubscribeMessage('say')
  say(@MessageBody() text: unknown): boolean {
    handled.push(text);
    return true;
  }
}

const BURST = 5;
const limits = { eventsPerSecond: 1, eventBurst: BURST, refusals: 10 };
const refused = { status: 'error', code: 'client.too-many-events', message: 'Too many events' };

describe('a client that sends too much', () => {
  let cluster: TestCluster;
  let a: TestInstance;
  beforeEach(async () => {
    handled.length = 0;
    // Both clocks are stopped: no further events are allowed, and no further lines are logged.
    jest.spyOn(performance, 'now').mockReturnValue(performance.now());
    jest.spyOn(Date, 'now').mockReturnValue(Date.now());
    cluster = await givenCluster()
      .of(1)
      .with(CountingGateway)
      .onInMemoryPubSub()
      .configured({ limits })
      .start();
    a = cluster.instance(0);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await cluster.close();
  });

  it('gets an error in the acknowledgement, and its event is not handled', async () => {
    const alice = await a.connect({ token: 'alice' });
    const answers = await Promise.all(
      Array.from({ length: BURST + 3 }, (_, n) => alice.ask('say', n)),
    );
    expect(answers.slice(0, BURST)).toEqual(Array(BURST).fill(true));
    for (const answer of answers.slice(BURST)) {
      expect(answer).toEqual({ ...refused, retryAfterMs: expect.any(Number) });
    }
    expect(handled).toEqual([0, 1, 2, 3, 4]);
    expect(a.counts).toEqual({ 'client.too-many-events': 3 });
    expect(cluster.logger.matching(/client\.too-many-events: "say" of socket/)).toHaveLength(1);
  });

  it('gets one exception event if it asks for no acknowledgement', async () => {
    const alice = await a.connect({ token: 'alice' });
    for (let n = 0; n < BURST + 5; n++) alice.emit('say', n);
    await until(
      () => a.counts['client.too-many-events'] === 5,
      () => JSON.stringify(a.counts),
    );
    await a.served(alice);
    expect(alice.data('exception')).toEqual([{ ...refused, retryAfterMs: expect.any(Number) }]);
    expect(handled).toHaveLength(BURST);
  });

  it('is disconnected with the reason if it continues, and other clients are not', async () => {
    const alice = await a.connect({ token: 'alice' });
    const bob = await a.connect({ token: 'bob' });
    for (let n = 0; n < 200; n++) alice.emit('say', n);
    await until(
      () => !alice.socket.connected,
      () => 'the end of the connection',
    );
    expect(alice.data('propagator:disconnect')).toEqual([{ reason: 'client.too-many-events' }]);
    expect(handled).toHaveLength(BURST);
    expect(a.counts['client.disconnected']).toBe(1);
    expect(await bob.ask('say', 'hello')).toBe(true);
  });

  it('has one limit for all sockets of its user, or one for its connection if it is anonymous', async () => {
    const [one, two] = [await a.connect({ token: 'alice' }), await a.connect({ token: 'alice' })];
    const nobodies = [await a.connect(), await a.connect()];
    const asks = Array.from({ length: BURST }, (_, n) => n);
    const all = asks.map(() => true);
    expect(await Promise.all(asks.map((n) => one.ask('say', n)))).toEqual(all);
    expect(await two.ask('say', 'more')).toMatchObject(refused);
    for (const nobody of nobodies) {
      expect(await Promise.all(asks.map((n) => nobody.ask('say', n)))).toEqual(all);
      expect(await nobody.ask('say', 'more')).toMatchObject(refused);
    }
  });
});

describe('a client whose handlers write its messages into socket.data', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('keeps the limit of its authenticated user, and affects no other user', async () => {
    cluster = await givenCluster()
      .of(1)
      .with(CountingGateway)
      .onInMemoryPubSub()
      .configured({ limits: { eventsPerSecond: 1, eventBurst: 60, refusals: 1_000 } })
      .start();
    const a = cluster.instance(0);
    const alice = await a.connect({ token: 'alice' });
    const bob = await a.connect({ token: 'bob' });
    const { sockets } = a.app.get(CountingGateway).server.sockets;
    const socket = sockets.get(alice.id) as unknown as AuthenticatedSocket;
    const answers = [];
    for (let n = 0; n < 200; n++) {
      socket.data.userId = n % 2 === 0 ? 'bob' : `somebody ${n}`;
      answers.push(alice.ask('say', n));
      if (n === 100) socket.auth = null;
    }
    const refusals = (await Promise.all(answers)).filter((answer) => answer !== true);
    expect(refusals.length).toBeGreaterThan(100);
    expect(await bob.ask('say', 'hello')).toBe(true);
  });
});

describe('a socket that joins too many rooms', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('does not enter the excess rooms, which is reported, and may enter others after leaving some', async () => {
    cluster = await givenCluster()
      .of(1)
      .with(PlainGateway)
      .onInMemoryPubSub()
      .configured({ limits: { roomsPerSocket: 3 } })
      .start();
    const a = cluster.instance(0);
    for (const client of [await a.connect({ token: 'alice' }), await a.connect()]) {
      const before = a.counts['room.too-many'] ?? 0;
      const { rooms } = socketOf(cluster, client.id);
      const own = new Set(rooms);
      const chosen = (): string[] => [...rooms].filter((room) => !own.has(room));
      await client.ask('join', ['a', 'b']);
      await client.ask('join', ['b', 'c', 'd', 'e', 'a']);
      expect(chosen()).toEqual(['a', 'b', 'c']);
      expect(a.counts['room.too-many']).toBe(before + 2);
      await client.ask('leave', 'a');
      await client.ask('join', ['f', 'b']);
      expect(chosen()).toEqual(['b', 'c', 'f']);
    }
  });

  it('is not counted by joinUser, on each instance', async () => {
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .onInMemoryPubSub()
      .configured({ limits: { roomsPerSocket: 3 } })
      .start();
    await untilMembersKnown(cluster);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const clients = [];
    for (const instance of [a, a, b, b]) clients.push(await instance.connect({ token: 'alice' }));
    const [first, , third] = clients as [TestClient, TestClient, TestClient];
    for (const client of [first, third]) await client.ask('join', ['x', 'y']);

    for (const { propagator } of [a, b]) {
      // One of two rooms is not enough.
      expect(await propagator.joinUser('alice', ['lobby', 'hall'])).toEqual(counted(2));
      expect(await propagator.joinUser('alice', 'lobby')).toEqual(counted(4));
      expect(await propagator.joinUser('alice', ['lobby', 'a', 'b', 'c'])).toEqual(counted(0));
      expect(await propagator.leaveUser('alice', ['a', 'b', 'c'])).toEqual(counted(4));
    }
    const { rooms } = socketOf(cluster, third.id);
    expect([...rooms]).toEqual([third.id, 'x', 'y', 'lobby']);
    expect(a.counts['room.too-many']).toBeGreaterThan(0);
    expect(b.counts['room.too-many']).toBeGreaterThan(0);
  });

  it('may join a thousand rooms by default', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).onInMemoryPubSub().start();
    const a = cluster.instance(0);
    const alice = await a.connect({ token: 'alice' });
    await alice.ask(
      'join',
      Array.from({ length: 1_500 }, (_, n) => `room-${n}`),
    );
    expect(socketOf(cluster, alice.id).rooms.size).toBe(1_000 + 1);
    expect(a.counts).toEqual({ 'room.too-many': 500 });
  });
});
