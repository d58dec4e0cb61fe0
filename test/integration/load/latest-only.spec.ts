import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Socket as TcpSocket } from 'node:net';
import type { EventToEmit, PropagatorError, RedisPropagatorOptions } from '../../../src/index.js';
import { reconnect, loseConnection } from '../../support/lost-connections.js';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import { PollingClient } from '../../support/polling-client.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

@WebSocketGateway({ namespace: 'other' })
class OtherGateway {}

@WebSocketGateway({ namespace: 'fence' })
class FenceGateway {}

type Price = readonly [symbol: string, value: number, bytes?: Buffer];

interface Connection {
  readonly writeBuffer: readonly unknown[];
  readonly transport: { readonly name: string; readonly writable: boolean };
}

const KIB_64 = 'x'.repeat(64 * 1024);
const SYMBOLS = Array.from({ length: 20 }, (_, n) => `S${n}`);
const TICKS = 10_000;

let cluster: TestCluster;
afterEach(() => cluster.close());

async function start(options: RedisPropagatorOptions = {}, engine: object = {}): Promise<void> {
  cluster = await givenCluster()
    .of(2)
    .with(PlainGateway, OtherGateway, FenceGateway)
    // A client that stops reading does not answer pings either, which must not end its connection here.
    .configured(options)
    .start();
  for (const index of cluster.instances.keys()) {
    Object.assign(serverOf(cluster, index).engine.opts, { pingInterval: 300_000, ...engine });
  }
}

const connectionOf = ({ id }: TestClient): Connection =>
  (socketOf(cluster, id) as unknown as { conn: Connection }).conn;

const tcpOf = ({ socket }: TestClient): TcpSocket =>
  (socket.io.engine.transport as unknown as { ws: { _socket: TcpSocket } }).ws._socket;

/** Packets that have to wait before a connection counts as full: more than a network that is only busy leaves. */
const FULL = 16;

/** Stops reading, and waits until the connection of the client is full. Resolves to the number of events `big`. */
async function stall(client: TestClient, data: unknown = KIB_64): Promise<number> {
  tcpOf(client).pause();
  const { propagator } = cluster.instance(1);
  let sent = 0;
  for (; connectionOf(client).writeBuffer.length < FULL; sent++) {
    if (sent > 4_000) throw new Error('the connection was never full');
    await propagator.emitToUser({ userId: 'slow', event: 'big', data });
  }
  return sent;
}

const lastOf = (prices: readonly Price[]): Map<string, number> =>
  new Map(prices.map(([symbol, value]) => [symbol, value]));

function expectAscending(prices: readonly Price[]): void {
  const last = new Map<string, number>();
  for (const [symbol, value] of prices) {
    expect(value).toBeGreaterThan(last.get(symbol) ?? -1);
    last.set(symbol, value);
  }
}

/** Waits until everything sent so far was delivered on instance 1, with a client that gets no event of a test. */
async function delivered(): Promise<void> {
  const fence = await cluster.instance(1).connect({ token: 'fence', namespace: '/fence' });
  await cluster.settled(fence);
}

const replacedOn = (index: number): number => cluster.instance(index).counts['event.replaced'] ?? 0;

function pollingConnection(): Connection {
  for (const { conn } of serverOf(cluster, 1).sockets.sockets.values()) {
    const connection = conn as unknown as Connection;
    if (connection.transport.name === 'polling') return connection;
  }
  throw new Error('no client polls');
}

const inBase64 = (text: string): string => `b${Buffer.from(text).toString('base64')}`;

const tick = (n: number, more: object = {}) => {
  const symbol = SYMBOLS[n % SYMBOLS.length] ?? '';
  return { event: 'price', data: [symbol, n] as Price, latestOnly: symbol, ...more };
};

describe('events of which only the latest counts', () => {
  it.each([
    ['written together', true, undefined],
    ['written as they come', false, undefined],
    ['signed', true, 'q8Zr2vLx0pTn5sWb7yKd3mHf6jGc1aEu'],
  ])(
    'wait for a slow client once for each key, and the others get them: %s',
    async (_, coalesceWrites, secret) => {
      await start({ coalesceWrites, ...(secret !== undefined && { secret }) });
      const slow = await cluster.instance(1).connect({ token: 'slow' });
      const fast = await cluster.instance(1).connect({ token: 'fast' });
      const other = await cluster.instance(0).connect({ token: 'other' });
      const bigs = await stall(slow);
      const buffer = (): number => connectionOf(slow).writeBuffer.length;
      const before = buffer();

      let orders = 0;
      for (let n = 0; n < TICKS; n++) {
        // From both instances, one after the other.
        void cluster.instance(n < TICKS / 2 ? 0 : 1).propagator.emitToAll(tick(n));
        if (n % 100 < 99) continue;
        await cluster.instance(0).propagator.emitToAll({ event: 'order', data: orders++ });
        await Promise.all([fast, other].map((client) => client.waitFor('order', orders)));
        expect(buffer()).toBeLessThanOrEqual(before + SYMBOLS.length + orders);
      }
      expect(buffer()).toBeGreaterThanOrEqual(SYMBOLS.length);
      tcpOf(slow).resume();
      await cluster.settled(slow, fast, other);

      const last = new Map(SYMBOLS.map((symbol, i) => [symbol, TICKS - SYMBOLS.length + i]));
      let received = 0;
      for (const client of [slow, fast, other]) {
        const prices = client.data('price') as Price[];
        received += prices.length;
        expectAscending(prices);
        expect(lastOf(prices)).toEqual(last);
        expect(client.data('order')).toEqual(Array.from({ length: orders }, (__, i) => i));
      }
      expect(slow.data('big')).toHaveLength(bigs);
      // Nothing is missing that was not counted.
      expect(received + replacedOn(0) + replacedOn(1)).toBe(3 * TICKS);
      expect(slow.data('price').length).toBeLessThan(TICKS / 10);
      expect(cluster.instance(1).counts).toEqual({ 'event.replaced': replacedOn(1) });
    },
  );

  it('keep their place behind earlier events, and let a client that was never slow have all', async () => {
    await start();
    const client = await PollingClient.connect(cluster.instance(1).url);
    const { propagator } = cluster.instance(0);

    await propagator.emitToAll({ event: 'price', data: 1, latestOnly: 'A' });
    await propagator.emitToAll({ event: 'order', data: 'first' });
    await propagator.emitToAll({ event: 'price', data: 2, latestOnly: 'B' });
    await propagator.emitToAll({ event: 'price', data: 3, latestOnly: 'A' });
    await propagator.emitToAll({ event: 'price', data: 4 });
    await delivered();

    const packets = await client.poll();
    expect(packets).toEqual([
      '42["order","first"]',
      '42["price",2]',
      '42["price",3]',
      '42["price",4]',
    ]);
    expect(replacedOn(1)).toBe(1);

    for (const data of [5, 6]) {
      const polled = client.poll();
      await until(
        () => pollingConnection().transport.writable,
        () => 'the poll',
      );
      await propagator.emitToAll({ event: 'price', data, latestOnly: 'A' });
      expect(await polled).toEqual([`42["price",${data}]`]);
    }
    expect(replacedOn(1)).toBe(1);
  });

  it('are replaced with all their attachments, over long polling', async () => {
    await start();
    const client = await PollingClient.connect(cluster.instance(1).url);
    const { propagator } = cluster.instance(0);
    const send = (name: string, text: string, latestOnly?: string) =>
      propagator.emitToAll({
        event: name,
        args: [Buffer.from(text), Buffer.from(`${text}!`)],
        latestOnly,
      });

    await send('chart', 'one', 'A');
    await send('file', 'kept');
    await send('chart', 'two', 'A');
    await delivered();

    const packets = await client.poll();
    const placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    expect(packets).toEqual([
      `452-["file",${placeholders}]`,
      inBase64('kept'),
      inBase64('kept!'),
      `452-["chart",${placeholders}]`,
      inBase64('two'),
      inBase64('two!'),
    ]);
  });

  it('are replaced as a whole on a compressed connection', async () => {
    await start({}, { perMessageDeflate: { threshold: 0 } });
    const deflate = { perMessageDeflate: { threshold: 0 } };
    const client = await cluster.instance(1).connect({ token: 'slow', ...deflate });
    const { propagator } = cluster.instance(0);
    // Random digits, because anything else would be compressed to nothing.
    await stall(client, Array.from({ length: 20_000 }, () => Math.random()).join());
    const before = connectionOf(client).writeBuffer.length;
    const ticks = 400;
    for (let n = 0; n < ticks; n++) {
      const [symbol] = tick(n).data;
      const data = [symbol, n, Buffer.from(`bytes of ${n}`)];
      void propagator.emitToAll({ event: 'price', data, latestOnly: symbol });
    }
    await delivered();
    expect(connectionOf(client).writeBuffer.length).toBeLessThanOrEqual(
      // Each has an attachment.
      before + 2 * SYMBOLS.length,
    );
    tcpOf(client).resume();
    await cluster.settled(client);

    const prices = client.data('price') as Price[];
    for (const [, n, bytes] of prices) expect(bytes).toEqual(Buffer.from(`bytes of ${n}`));
    expectAscending(prices);
    expect(lastOf(prices)).toEqual(
      new Map(SYMBOLS.map((symbol, i) => [symbol, ticks - SYMBOLS.length + i])),
    );
    expect(prices.length + replacedOn(1)).toBe(ticks);
    expect(client.socket.connected).toBe(true);
  });

  it('do not replace an event of another name, key or namespace', async () => {
    await start();
    const client = await PollingClient.connect(cluster.instance(1).url);
    await client.join('/other');
    const { propagator } = cluster.instance(0);
    const emits = [
      { event: 'price', data: 1, latestOnly: 'A' },
      { event: 'priceA', data: 2, latestOnly: 'A' },
      { event: 'price', data: 3, latestOnly: 'AA' },
      { event: 'price', data: 4, latestOnly: 'A', namespace: '/other' },
      { event: 'price', data: 5, latestOnly: 'a' },
    ];
    for (const event of emits) await propagator.emitToAll(event);
    await delivered();

    const packets = await client.poll();
    expect(packets).toHaveLength(emits.length);
    expect(replacedOn(1)).toBe(0);
  });

  it('count for each socket: a client that did not get the newer event keeps the older', async () => {
    await start();
    const clients = [
      await PollingClient.connect(cluster.instance(1).url),
      await PollingClient.connect(cluster.instance(1).url),
    ];
    const [first = ''] = serverOf(cluster, 1).sockets.sockets.keys();
    const { propagator } = cluster.instance(0);

    await propagator.emitToAll({ event: 'price', data: 1, latestOnly: 'A' });
    const newer = { event: 'price', data: 2, latestOnly: 'A' };
    await propagator.emitToAll({ ...newer, exceptSocketId: first });
    await delivered();

    const got = await Promise.all(clients.map((client) => client.poll()));
    expect(got.map((packets) => packets[0])).toEqual(['42["price",1]', '42["price",2]']);
  });

  it('are all kept for a client that comes back, in order', async () => {
    await start({ recovery: {} });
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const client = await a.connect({ token: 'slow' });
    await b.propagator.emitToUser({ userId: 'slow', event: 'price', data: 1, latestOnly: 'A' });
    await client.waitFor('price');
    await loseConnection(client, a);
    for (const data of [2, 3, 4]) {
      await b.propagator.emitToUser({ userId: 'slow', event: 'price', data, latestOnly: 'A' });
    }
    await reconnect(client);
    await cluster.settled(client);

    expect(client.data('price')).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['an empty key', { latestOnly: '' }],
    ['a number', { latestOnly: 7 }],
    ['true', { latestOnly: true }],
    ['null', { latestOnly: null }],
    ['a key of 257 bytes', { latestOnly: 'ü'.repeat(128) + 'x' }],
    ['a volatile event', { latestOnly: 'A', volatile: true }],
  ])('are refused with %s', async (_, given) => {
    await start();
    const event = { event: 'price', data: 1, ...given } as EventToEmit;
    const refused = cluster.instance(0).propagator.emitToAll(event);
    await expect(refused).rejects.toMatchObject({ code: 'target.invalid' });
    await expect(refused).rejects.toThrow(/^latestOnly: got /);
  });

  it('are refused if an acknowledgement is asked for, and taken with the longest key', async () => {
    await start();
    const { propagator } = cluster.instance(0);
    const request = { userId: 'slow', event: 'price', data: 1, latestOnly: 'A' };
    const error = await propagator.requestUser(request).catch((reason: unknown) => reason);
    expect((error as PropagatorError).code).toBe('target.invalid');
    expect((error as PropagatorError).message).toMatch(/^latestOnly: got "A" for an event that/);

    const client = await cluster.instance(1).connect({ token: 'slow' });
    await propagator.emitToAll({ event: 'e'.repeat(1_024), latestOnly: 'ü'.repeat(128) });
    await client.waitFor('e'.repeat(1_024));
  });
});
