import { afterEach, describe, expect, it } from '@jest/globals';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import { untilDisconnected } from '../../support/until-disconnected.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

interface Connection {
  on(event: 'packetCreate', listener: () => void): void;
  close(discard?: boolean): void;
  readonly transport: { readonly name: string };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('the events sent to a client in one turn of the event loop', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  async function start(
    options: RedisPropagatorOptions = {},
    prepared: Record<string, unknown> = {},
  ): Promise<void> {
    cluster = await givenCluster().of(2).with(PlainGateway).configured(options).start();
    // Engine.IO reads these when a client connects.
    for (const index of cluster.instances.keys()) {
      Object.assign(serverOf(cluster, index).engine.opts, prepared);
    }
  }
  const connectionOf = ({ id }: TestClient): Connection =>
    (socketOf(cluster, id) as unknown as { conn: Connection }).conn;
  /** From now on counts the packets that Engine.IO gets for a client. */
  function packetsFor(client: TestClient): () => number {
    let packets = 0;
    connectionOf(client).on('packetCreate', () => packets++);
    return () => packets;
  }
  const emit = (index: number, data: unknown, userId?: string): void => {
    const { propagator } = cluster.instance(index);
    const event = { event: 'n', data };
    void (userId === undefined
      ? propagator.emitToAll(event)
      : propagator.emitToUser({ ...event, userId }));
  };

  it.each([
    ['goes out in one write', true, 1],
    ['goes out as it is emitted where that is switched off', false, 30],
  ])('%s', async (_, coalesceWrites, writes) => {
    await start({ coalesceWrites });
    const client = await cluster.instance(0).connect({ token: 'alice' });
    const packets = packetsFor(client);

    for (const n of upTo(30)) emit(0, n);
    await client.waitFor('n', 30);

    expect(client.data('n')).toEqual(upTo(30));
    expect(packets()).toBe(writes);
  });

  it('leave in few writes on another instance as well', async () => {
    await start();
    const clients = [
      await cluster.instance(1).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'bob' }),
    ];
    const counters = clients.map(packetsFor);

    for (const n of upTo(300)) emit(0, n);
    await Promise.all(clients.map((client) => client.waitFor('n', 300)));

    for (const client of clients) expect(client.data('n')).toEqual(upTo(300));
    for (const packets of counters) expect(packets()).toBeLessThan(150);
  });

  it('are the right ones for each client, in order', async () => {
    await start();
    const [alice, bob, both] = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(0).connect({ token: 'bob' }),
      await cluster.instance(0).connect({ token: 'alice' }),
    ];
    await both.ask('join', 'lobby');
    const { propagator } = cluster.instance(0);

    emit(0, 'all 1');
    emit(0, 'alice', 'alice');
    emit(0, 'bob', 'bob');
    void propagator.emitToRoom({ room: 'lobby', event: 'n', data: 'lobby' });
    emit(0, 'all 2');
    await cluster.settled(alice, bob, both);

    expect(alice.data('n')).toEqual(['all 1', 'alice', 'all 2']);
    expect(bob.data('n')).toEqual(['all 1', 'bob', 'all 2']);
    expect(both.data('n')).toEqual(['all 1', 'alice', 'lobby', 'all 2']);
  });

  it('keep their order with packets that the app sends over the socket, text or binary, small or large', async () => {
    await start();
    const client = await cluster.instance(0).connect({ token: 'alice' });
    const socket = socketOf(cluster, client.id);
    const large = 'x'.repeat(100_000);

    emit(0, 1);
    socket.emit('n', 2);
    emit(0, 3);
    emit(0, Buffer.from([4]));
    emit(0, large);
    emit(0, 6);
    socket.emit('n', Buffer.from([7]));
    emit(0, 8);
    await client.waitFor('n', 8);

    expect(client.data('n')).toEqual([1, 2, 3, Buffer.from([4]), large, 6, Buffer.from([7]), 8]);
  });

  it.each([
    [
      'the socket is disconnected',
      (client: TestClient) => socketOf(cluster, client.id).disconnect(),
    ],
    [
      'the connection is closed through the socket',
      (client: TestClient) => socketOf(cluster, client.id).disconnect(true),
    ],
    ['the connection is closed', (client: TestClient) => connectionOf(client).close()],
  ])('arrive before %s', async (_, end) => {
    await start();
    const client = await cluster.instance(0).connect({ token: 'alice' });

    emit(0, 1);
    emit(0, 2);
    end(client);
    await untilDisconnected(client);

    expect(client.data('n')).toEqual([1, 2]);
  });

  it('arrive once and in order while a client upgrades from long polling to a WebSocket', async () => {
    await start();
    const client = await cluster
      .instance(1)
      .connect({ token: 'alice', transports: ['polling', 'websocket'] });
    let sent = 0;
    const burst = (): void => {
      for (let i = 0; i < 7; i++) emit(0, sent++);
    };

    await until(
      () => {
        burst();
        return connectionOf(client).transport.name === 'websocket';
      },
      () => 'the upgrade',
    );
    burst();
    await client.waitFor('n', sent);
    await cluster.settled(client);

    expect(client.data('n')).toEqual(upTo(sent));
  });

  it.each([
    ['in one write', true],
    ['as it is emitted', false],
  ])(
    'arrive in order over long polling and compressed connections, %s',
    async (_, coalesceWrites) => {
      await start({ coalesceWrites }, { perMessageDeflate: { threshold: 0 } });
      const polling = await cluster
        .instance(1)
        .connect({ token: 'alice', transports: ['polling'] });
      const compressed = await cluster
        .instance(1)
        .connect({ token: 'alice', perMessageDeflate: { threshold: 0 } });

      for (const n of upTo(20)) emit(n % 2, n);
      await cluster.settled(polling, compressed);

      for (const client of [polling, compressed]) {
        const got = client.data('n') as number[];
        expect(got.filter((n) => n % 2 === 0)).toEqual(upTo(20).filter((n) => n % 2 === 0));
        expect(got.filter((n) => n % 2 === 1)).toEqual(upTo(20).filter((n) => n % 2 === 1));
      }
    },
  );

  it('contain only the first of many volatile events, as with Socket.IO, and the others are counted', async () => {
    await start();
    const client = await cluster.instance(1).connect({ token: 'alice' });
    const { propagator } = cluster.instance(1);

    for (const data of upTo(10)) void propagator.emitToAll({ event: 'n', data, volatile: true });
    await cluster.settled(client);

    expect(client.data('n')).toEqual([0]);
    expect(cluster.instance(1).counts).toEqual({ 'volatile.dropped': 9 });
  });

  it("reach the other clients if an app's listener of a connection throws", async () => {
    await start();
    const clients = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(0).connect({ token: 'bob' }),
    ];
    const [first] = clients as [TestClient, TestClient];
    connectionOf(first).on('packetCreate', () => {
      throw new Error('a listener of the app');
    });

    emit(0, 1);
    await clients[1]?.waitFor('n');

    expect(cluster.instance(0).counts).toEqual({ 'listener.failed': 1 });
  });
});
