import { afterEach, describe, expect, it } from '@jest/globals';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const cycle: Record<string, unknown> = {};
cycle['itself'] = cycle;
const fail = (): never => {
  throw new Error('a listener of the app');
};
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `room ${n}`);

describe('calls of Socket.IO that return nothing', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('serve the sockets of this instance and report events that other instances cannot get', async () => {
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      // 10 MB wait for the client, for seconds on a busy machine.
      .configured({ slowClients: false })
      .start();
    const near = await cluster.instance(0).connect();
    const far = await cluster.instance(1).connect();
    const io = serverOf(cluster, 0);
    await near.ask('join', 'room 1');
    const large = 'x'.repeat(5 * 1024 * 1024);

    io.emit('large', large);
    io.to('room 1').emit('large', large);
    io.to(names(70_000)).emit('many', 1);
    io.except(names(70_000)).emit('but many', 1);
    io.emit('unserialisable', 1n);
    io.emit('unserialisable', cycle);
    io.to(names(70_000)).emit('many and unserialisable', 1n);
    io.serverSideEmit('between', large);
    io.serverSideEmit('between', 1n);
    await expect(io.serverSideEmitWithAck('between', large)).rejects.toMatchObject({
      code: 'event.too-large',
    });
    io.socketsJoin(names(70_000).map((name) => name.padEnd(60)));

    await near.waitFor('large', 2);
    await until(
      () => (cluster.instance(0).counts['emit.refused'] ?? 0) >= 11,
      () => JSON.stringify(cluster.instance(0).counts),
    );
    await cluster.settled(far);
    expect(near.events.sort()).toEqual(['large', 'large', 'many']);
    expect(far.received).toEqual([]);
    expect(far.socket.connected).toBe(true);
  });

  it('report events without a name, and disconnect no client', async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const near = await cluster.instance(0).connect();
    const far = await cluster.instance(1).connect();
    const io = serverOf(cluster, 0);
    const nameless = [undefined, null, Symbol('s'), {}, ['x'], true] as unknown as string[];
    await near.ask('join', 'room 1');

    for (const name of nameless) {
      io.emit(name, 1);
      io.local.emit(name, 1);
      io.to('room 1').emit(name, 1);
      socketOf(cluster, near.id).broadcast.emit(name, 1);
      io.timeout(50).emit(name, 1, () => {});
    }
    io.emit('named', 1);

    await Promise.all([near.waitFor('named'), far.waitFor('named')]);
    await cluster.settled(near, far);
    expect([near.events, far.events]).toEqual([['named'], ['named']]);
    expect(cluster.instance(0).counts).toEqual({ 'emit.refused': 5 * nameless.length });
  });

  it.each([
    ['one that is too large', 'x'.repeat(5 * 1024 * 1024), 'event.too-large'],
    ['a BigInt', 1n, 'event.unserialisable'],
    ['a cycle', cycle, 'event.unserialisable'],
  ])(
    'call the callback once, at once, for an event that cannot be sent: %s',
    async (_, data, code) => {
      cluster = await givenCluster().of(2).with(PlainGateway).start();
      await cluster.instance(0).connect();
      const io = serverOf(cluster, 0);
      const told: unknown[] = [];
      const callback = (error: unknown, answers: unknown) => told.push([error, answers]);

      io.timeout(50).emit('question', data, callback);
      io.timeout(50).to('lobby').emit('question', data, callback);
      expect(told).toEqual([]);
      await expect(io.timeout(50).emitWithAck('question', data)).rejects.toMatchObject({ code });
      // Until the timers of Socket.IO itself have fired.
      await new Promise((resolve) => io.timeout(50).emit('nobody answers', resolve));

      expect(told).toEqual([1, 2].map(() => [expect.objectContaining({ code }), []]));
      expect(cluster.instance(0).counts).toEqual({ 'emit.refused': 3 });
    },
  );
});

describe('names that are too long for a channel', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());
  const long = 'x'.repeat(257);

  it('are reported by calls that return nothing, and all other names are served', async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const near = await cluster.instance(0).connect();
    const far = await cluster.instance(1).connect();
    const io = serverOf(cluster, 0);
    const chat = `/${long}`;

    io.to(long).emit('to nobody');
    io.except(long).emit('not to nobody');
    io.of(chat).emit('to nobody');
    io.socketsJoin([long, 'lobby']);
    io.local.socketsJoin(long);
    io.to([long, 'lobby']).emit('lobby');
    io.socketsLeave(long);
    io.to(long).disconnectSockets();
    await socketOf(cluster, near.id).join([long, 'own']);
    socketOf(cluster, near.id).to(long).emit('to nobody');

    await cluster.settled(near, far);
    expect([near.events, far.events]).toEqual([
      ['not to nobody', 'lobby'],
      ['not to nobody', 'lobby'],
    ]);
    expect([...socketOf(cluster, near.id).rooms]).toEqual([near.id, 'lobby', 'own']);
    expect(cluster.instance(0).counts).toEqual({
      'emit.refused': 3,
      'name.too-long': 3,
    });
  });

  it('do not break a server whose listeners throw during such a call', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    const [a, b] = [await cluster.instance(0).connect(), await cluster.instance(0).connect()];
    const io = serverOf(cluster, 0);
    for (const event of ['join-room', 'leave-room']) io.of('/').adapter.on(event, fail);
    socketOf(cluster, a.id).once('disconnecting', fail);

    io.socketsJoin('lobby');
    io.local.socketsJoin('local');
    io.socketsLeave('lobby');
    io.local.socketsLeave('local');
    io.of('/').adapter.removeAllListeners('leave-room');
    io.local.disconnectSockets();

    await until(
      () => !b.socket.connected,
      () => 'the end of the second socket',
    );
    expect(cluster.instance(0).counts['listener.failed']).toBeGreaterThanOrEqual(9);
  });
});

describe('calls that are too large for Redis', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('serve the sockets of this instance at once', async () => {
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured({ maxMessageBytes: 4_096 })
      .start();
    const near = await cluster.instance(0).connect();
    const far = await cluster.instance(1).connect();
    const io = serverOf(cluster, 0);
    const many = names(500);

    io.socketsJoin(many);
    expect(socketOf(cluster, near.id).rooms.size).toBe(501);
    expect(socketOf(cluster, far.id).rooms.size).toBe(1);
    io.socketsLeave(many);
    expect(socketOf(cluster, near.id).rooms.size).toBe(1);
    io.except(many).disconnectSockets();

    await until(
      () => !near.socket.connected,
      () => 'the end of the socket',
    );
    expect(far.socket.connected).toBe(true);
    expect(cluster.instance(0).counts).toEqual({ 'emit.refused': 3 });
  });
});

describe('rooms that a socket cannot join', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('include the id of another socket', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    const alice = await cluster.instance(0).connect({ token: 'alice' });
    const mallory = await cluster.instance(0).connect();

    await mallory.ask('join', ['lobby', alice.id]);
    serverOf(cluster, 0).to(alice.id).emit('secret');

    await cluster.settled(alice, mallory);
    expect(alice.events).toEqual(['secret']);
    expect(mallory.received).toEqual([]);
    expect([...socketOf(cluster, mallory.id).rooms]).toEqual([mallory.id, 'lobby']);
    expect(cluster.instance(0).counts).toEqual({ 'room.reserved': 1 });
  });

  it('are reported in to() and except() if they are not names', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    const id = { toHexString: () => 'an ObjectId' };

    serverOf(cluster, 0)
      .to([id] as never)
      .emit('x');
    serverOf(cluster, 0)
      .except([id] as never)
      .emit('x');

    expect(cluster.instance(0).counts).toEqual({ 'room.invalid': 2 });
  });
});

describe('socket.leaveAll()', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('removes a socket neither from its user nor from user requests', async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const alice = await cluster.instance(0).connect({ token: 'alice' });
    const socket = socketOf(cluster, alice.id);
    expect([...socket.rooms]).toEqual([alice.id]);

    (socket as unknown as { leaveAll(): void }).leaveAll();
    await cluster.instance(1).propagator.emitToUser({ userId: 'alice', event: 'far' });
    await alice.waitFor('far');
    expect(cluster.instance(0).state.get('alice')).toEqual([socket]);

    const { count } = await cluster.instance(1).propagator.disconnectUser('alice');
    expect(count).toBe(1);
    await until(
      () => cluster.instance(0).state.get('alice').length === 0 && !alice.socket.connected,
      () => 'the end of the socket',
    );
  });
});
