import { randomBytes } from 'node:crypto';
import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

@WebSocketGateway({ perMessageDeflate: true })
class DeflatingGateway extends PlainGateway {}

@WebSocketGateway({ perMessageDeflate: { threshold: 0 } })
class AllDeflatingGateway extends PlainGateway {}

@WebSocketGateway({ perMessageDeflate: { threshold: 0, serverNoContextTakeover: false } })
class WindowGateway extends PlainGateway {}

interface Deflate {
  /** The stream with which ws compresses messages of one connection; null until it has compressed one. */
  readonly _deflate: unknown;
}

interface Connection {
  readonly transport: {
    readonly socket: {
      readonly _extensions: { readonly 'permessage-deflate'?: Deflate };
      readonly _socket: { readonly bytesWritten: number };
    };
  };
}

/** Random text that repeats itself at a distance that no small window spans. */
function compressible(bytes: number): string {
  const text = randomBytes(1_000).toString('hex');
  return text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** What clients offer, as ws makes an offer of it. A browser sends the second one. */
const OFFERS = {
  'no compression': false,
  'a window of any size': {},
  'a window of 9 bits of the server': { serverMaxWindowBits: 9 },
  'a window of 8 bits of the server': { serverMaxWindowBits: 8 },
  'a window of 9 bits of the client': { clientMaxWindowBits: 9 },
  'no windows': { serverNoContextTakeover: true, clientNoContextTakeover: true },
} as const;

describe('events on connections with perMessageDeflate', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  let gateway: typeof PlainGateway;
  async function start(
    given: typeof PlainGateway,
    options: RedisPropagatorOptions = {},
  ): Promise<void> {
    gateway = given;
    cluster = await givenCluster().of(2).with(gateway).configured(options).start();
  }

  const connect = (index: number, offer: object | boolean = {}): Promise<TestClient> =>
    cluster
      .instance(index)
      .connect({ token: 'alice', perMessageDeflate: offer as { threshold: number } });

  function socketOf(client: TestClient) {
    for (const { app } of cluster.instances) {
      const socket = app.get(gateway).server.sockets.sockets.get(client.id);
      if (socket !== undefined) return socket;
    }
    throw new Error(`no instance has the socket ${client.id}`);
  }
  const webSocketOf = (client: TestClient) =>
    (socketOf(client).conn as unknown as Connection).transport.socket;
  const isNegotiated = (client: TestClient): boolean =>
    webSocketOf(client)._extensions['permessage-deflate'] !== undefined;
  const written = (client: TestClient): number => webSocketOf(client)._socket.bytesWritten;
  /** Whether ws has compressed a message for this client alone. */
  const hasOwnDeflate = (client: TestClient): boolean =>
    (webSocketOf(client)._extensions['permessage-deflate']?._deflate ?? null) !== null;

  /** Emits events of all kinds on both instances; those of a client's own socket are compressed by ws. */
  async function exchange(clients: TestClient[]): Promise<void> {
    const long = compressible(4_000);
    const events: unknown[] = [
      'short',
      compressible(900),
      long,
      { text: long, bytes: Buffer.from(long), empty: Buffer.alloc(0) },
      randomBytes(2_000),
      'ü€😀'.repeat(1_000),
      // Too long to be compressed in the event loop.
      compressible(300_000),
      '',
    ];
    const [first, second] = cluster.instances.map(({ propagator }) => propagator);
    for (const [i, data] of events.entries()) {
      void first?.emitToAll({ event: 'all', data: [i, data] });
      void second?.emitToUser({ userId: 'alice', event: 'user', data: [i, data] });
      void second?.emitToUser({ userId: 'alice', event: 'flat', data: [i, data], compress: false });
      for (const client of clients) socketOf(client).emit('own', [i, data]);
      // Some of them leave in one write, others do not.
      if (i % 3 === 2) await cluster.settled(...clients);
    }
    await cluster.settled(...clients);
    for (const client of clients) {
      for (const event of ['all', 'user', 'flat', 'own']) {
        expect(client.data(event)).toEqual([...events.entries()]);
      }
    }
  }

  it.each([
    ['with the default threshold', DeflatingGateway, {}],
    ['without a threshold', AllDeflatingGateway, {}],
    ['with windows of earlier messages', WindowGateway, {}],
    ['without coalesced writes', AllDeflatingGateway, { coalesceWrites: false }],
  ])(
    'arrive as they were sent and in order, %s, whatever a client offers',
    async (_, given, options) => {
      await start(given, options);
      const offers = Object.values(OFFERS);
      const clients = await Promise.all(offers.map((offer, i) => connect(i % 2, offer)));
      const polling = await cluster
        .instance(0)
        .connect({ token: 'alice', transports: ['polling'] });

      await exchange([...clients, polling]);

      expect(clients.map(isNegotiated)).toEqual(offers.map((offer) => offer !== false));
    },
  );

  it('are compressed once for all clients', async () => {
    await start(DeflatingGateway);
    const compressed = await Promise.all(upTo(6).map((n) => connect(n % 2)));
    const plain = await Promise.all([connect(0, false), connect(1, false)]);
    await cluster.settled(...compressed, ...plain);
    const before = new Map([...compressed, ...plain].map((client) => [client, written(client)]));
    const data = compressible(50_000);

    for (let i = 0; i < 10; i++) {
      await cluster.instance(i % 2).propagator.emitToAll({ event: 'n', data });
    }
    await cluster.settled(...compressed, ...plain);

    expect(compressed.map(isNegotiated)).not.toContain(false);
    for (const client of compressed) {
      expect(client.data('n')).toEqual(Array(10).fill(data));
      expect(hasOwnDeflate(client)).toBe(false);
      expect(written(client) - (before.get(client) ?? 0)).toBeLessThan(100_000);
    }
    for (const client of plain) {
      expect(client.data('n')).toEqual(Array(10).fill(data));
      expect(written(client) - (before.get(client) ?? 0)).toBeGreaterThan(500_000);
    }
  });

  it('are compressed for each client where the app wants windows of earlier messages', async () => {
    await start(WindowGateway);
    const client = await connect(0);

    await cluster.instance(1).propagator.emitToAll({ event: 'n', data: 'text' });

    expect(await client.waitFor('n')).toEqual(['text']);
    expect(hasOwnDeflate(client)).toBe(true);
  });

  it('are compressed in the threads of ws if they are long and for one client', async () => {
    await start(DeflatingGateway);
    const client = await connect(0);
    const { propagator } = cluster.instance(1);
    const [short, long] = [compressible(10_000), compressible(30_000)];

    await propagator.emitToAll({ event: 'n', data: short });
    expect(await client.waitFor('n')).toEqual([short]);
    expect(hasOwnDeflate(client)).toBe(false);
    await propagator.emitToAll({ event: 'm', data: long });
    expect(await client.waitFor('m')).toEqual([long]);
    expect(hasOwnDeflate(client)).toBe(true);
  });

  it('arrive at a client that offers what browsers offer', async () => {
    await start(DeflatingGateway);
    const { url, propagator } = cluster.instance(0);
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
    );
    const texts: string[] = [];
    const offer = 'permessage-deflate; client_max_window_bits';
    let answer: string | undefined;
    socket.on('upgrade', ({ headers }) => {
      answer = headers['sec-websocket-extensions'];
    });
    socket.on('message', (message: Buffer) => {
      const text = message.toString();
      if (text.startsWith('0')) socket.send('40{"token":"alice"}');
      texts.push(text);
    });
    await until(
      () => texts.some((text) => text.startsWith('40')),
      () => `the connection, got ${texts.join(' ')}`,
    );
    const [serverSide] = cluster.instance(0).app.get(gateway).server.sockets.sockets.values();
    const data = compressible(30_000);

    await propagator.emitToAll({ event: 'n', data });

    await until(
      () => texts.includes(`42${JSON.stringify(['n', data])}`),
      () => 'the event',
    );
    expect(serverSide?.handshake.headers['sec-websocket-extensions']).toBe(offer);
    expect(answer).toBe('permessage-deflate; server_no_context_takeover');
    socket.terminate();
  });
});
