import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Server } from 'socket.io';
import type { AuthenticatedSocket, Identity, RedisPropagatorOptions } from '../../src/index.js';
import { Deferred } from '../support/deferred.js';
import { connectPacket, FloodingClient } from '../support/flooding-client.js';
import type { ConnectOptions } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';

@WebSocketGateway()
class RootGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('who')
  who({ auth }: AuthenticatedSocket): unknown {
    return auth;
  }
}

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {}

const times = (count: number, packet: string): string[] => Array<string>(count).fill(packet);

const from = (address: string): ConnectOptions => ({
  token: 'alice',
  extraHeaders: { 'x-real-ip': address },
});

describe('a flood of', () => {
  let cluster: TestCluster;
  let a: TestInstance;
  const raws: FloodingClient[] = [];
  const asked: string[] = [];
  /** The clock of the limits, which moves only when a test sets it. */
  let ms: number;
  /** Answers each authentication, unless a test delays it. */
  let authenticate: (token: string) => Promise<Identity | null> | Identity | null;

  beforeEach(() => {
    ms = 1_000;
    jest.spyOn(performance, 'now').mockImplementation(() => ms);
    authenticate = (token) => (token === 'bad' ? null : { userId: token });
  });
  afterEach(async () => {
    for (const raw of raws.splice(0)) raw.close();
    jest.restoreAllMocks();
    asked.length = 0;
    await cluster.close();
  });

  const start = async ({ auth, ...options }: Partial<RedisPropagatorOptions> = {}) => {
    cluster = await givenCluster()
      .of(1)
      .with(RootGateway, ChatGateway)
      .onInMemoryPubSub()
      .configured({
        ...options,
        auth: {
          ...auth,
          authenticate: (token) => {
            asked.push(token);
            return authenticate(token);
          },
        },
      })
      .start();
    a = cluster.instance(0);
  };
  const open = async (): Promise<FloodingClient> => {
    const raw = await FloodingClient.open(a.url);
    raws.push(raw);
    return raw;
  };
  const count = async (kind: string, expected: number): Promise<void> => {
    await until(
      () => a.counts[kind] === expected,
      () => `${expected} x ${kind}, got ${JSON.stringify(a.counts)}`,
    );
  };
  const server = (): Server => a.app.get(RootGateway).server;
  const alice = connectPacket('/chat', { token: 'alice' });

  it('CONNECT packets for one namespace during the authentication authenticates once and creates one socket', async () => {
    await start();
    const answer = new Deferred<Identity>();
    authenticate = () => answer.promise;
    const raw = await open();
    raw.send(...times(50, alice));
    await count('connection.duplicate', 49);
    answer.resolve({ userId: 'alice' });
    await raw.answered(1);
    raw.send(connectPacket('/', { token: 'alice' }));
    expect(await raw.answered(2)).toEqual(['/chat in', '/ in']);
    expect(asked).toEqual(['alice', 'alice']);
    expect(a.state.get('alice')).toHaveLength(2);
    expect(server().of('/chat').sockets.size).toBe(1);

    raw.close();
    await until(
      () => a.state.socketCount === 0,
      () => 'the sockets to leave',
    );
    // The duplicates leave nothing behind.
    const { _preConnectSockets: waiting } = server().of('/chat') as unknown as {
      _preConnectSockets: Map<string, unknown>;
    };
    await until(
      () => waiting.size === 0,
      () => `the duplicates to go, ${waiting.size} are left`,
    );
  });

  it('CONNECT packets for one namespace ends the connection and leaves nothing behind', async () => {
    await start();
    authenticate = () => new Promise<never>(() => {});
    const raw = await open();
    raw.send(...times(2_000, alice));
    await raw.end();
    expect(asked).toEqual(['alice']);
    expect(a.state.socketCount).toBe(0);
    expect(a.counts).toMatchObject({ 'client.disconnected': 1 });
    const lines = cluster.logger.matching(/connection\.duplicate: the client at .*127\.0\.0\.1/);
    expect(lines.length).toBeGreaterThan(0);
  });

  it('CONNECT packets with other credentials ends the connection: the client reconnects with the latest ones', async () => {
    await start();
    const answer = new Deferred<Identity>();
    authenticate = (token) => (token === 'alice' ? answer.promise : { userId: token });
    const other = await a.connect({ token: 'carol', forceNew: false });
    const manager = other.socket.io;
    const chat = manager.socket('/chat', { auth: { token: 'alice' } });
    await until(
      () => asked.includes('alice'),
      () => 'the first credentials to be looked at',
    );
    manager.reconnection(true);
    manager.reconnectionDelay(1);
    chat.auth = { token: 'bob' };
    chat.disconnect();
    chat.connect();
    await until(
      () => chat.connected && other.socket.connected,
      () => 'both to be connected again',
    );
    answer.resolve({ userId: 'alice' });
    expect(await other.ask('who')).toMatchObject({ userId: 'carol' });
    expect(a.state.get('alice')).toEqual([]);
    expect(a.state.get('bob')).toHaveLength(1);
    chat.disconnect();
  });

  it('a client that disconnects and reconnects at once with the same credentials does no harm', async () => {
    await start();
    const answer = new Deferred<Identity>();
    const other = await a.connect({ token: 'carol', forceNew: false });
    authenticate = () => answer.promise;
    // Like React in strict mode.
    const chat = other.socket.io.socket('/chat', { auth: { token: 'alice' } });
    await until(
      () => asked.length === 2,
      () => 'the first CONNECT to arrive',
    );
    chat.disconnect();
    chat.connect();
    await count('connection.duplicate', 1);
    answer.resolve({ userId: 'alice' });
    await until(
      () => chat.connected,
      () => 'the client to be let in',
    );
    expect(chat.id).toBe([...server().of('/chat').sockets.keys()][0]);
    expect(other.socket.connected).toBe(true);
    expect(a.state.get('alice')).toHaveLength(1);
    chat.disconnect();
  });

  it('refused CONNECT packets ends the connection, and gives its other namespaces the reason', async () => {
    await start({ limits: { refusals: 10 } });
    const raw = await open();
    raw.send(connectPacket('/', { token: 'alice' }));
    await raw.answered(1);
    for (let attempt = 0; attempt < 9; attempt++) {
      raw.send(connectPacket('/chat', { token: 'bad' }));
      await raw.answered(attempt + 2);
    }
    expect(raw.closed).toBe(false);
    raw.send(connectPacket('/chat', { token: 'bad' }));
    await raw.end();
    expect(raw.answers).toEqual(['/ in', ...times(10, '/chat auth.token-rejected')]);
    expect(raw.packets.slice(-2)).toEqual([
      '2["propagator:disconnect",{"reason":"auth.token-rejected"}]',
      '1',
    ]);
    expect(a.counts).toEqual({ 'auth.token-rejected': 10, 'client.disconnected': 1 });
  });

  it('refused CONNECT packets calls authenticate no more often than handshakesPerSecond allows', async () => {
    await start({ auth: { authenticate, handshakesPerSecond: 3 }, limits: { refusals: 10 } });
    const raw = await open();
    const namespaces = ['/', '/chat'];
    for (let attempt = 0; attempt < 12; attempt++) {
      raw.send(connectPacket(namespaces[attempt % 2]!, { token: 'bad' }));
      await raw.answered(Math.min(attempt + 1, 10));
    }
    await raw.end();
    expect(asked).toHaveLength(3);
  });

  it('CONNECT packets that a middleware of the app refuses ends the connection', async () => {
    await start({ limits: { refusals: 5 } });
    server()
      .of('/chat')
      .use((_socket, next) => next(new Error('not you')));
    const raw = await open();
    for (let attempt = 0; attempt < 5; attempt++) {
      raw.send(alice);
      await raw.answered(attempt + 1);
    }
    await raw.end();
    expect(raw.answers).toEqual(times(5, '/chat not you'));
  });

  it('CONNECT packets for unknown namespaces ends the connection, and the log names one', async () => {
    await start();
    const raw = await open();
    raw.send(...Array.from({ length: 500 }, (_, n) => connectPacket(`/none-${n}`)));
    await raw.end();
    expect(asked).toEqual([]);
    expect(a.counts['client.disconnected']).toBe(1);
    expect(cluster.logger.matching(/connection\.no-namespace: .*"\/none-\d+"/)).toHaveLength(1);
  });

  it('auth:refresh calls authenticate no more often than handshakesPerSecond allows, and ends the connection', async () => {
    await start({ auth: { authenticate, handshakesPerSecond: 3 }, limits: { refusals: 10 } });
    const raw = await open();
    raw.send(connectPacket('/', { token: 'alice' }));
    await raw.answered(1);
    for (let attempt = 0; attempt < 12; attempt++) {
      raw.send(`2${attempt}["auth:refresh","alice"]`);
      const acknowledged = () => raw.packets.filter((packet) => packet.startsWith('3')).length;
      await until(
        () => acknowledged() > attempt || raw.closed,
        () => JSON.stringify(raw.packets),
      );
    }
    await raw.end();
    expect(asked).toEqual(['alice', 'alice', 'alice']);
    expect(raw.packets.filter((packet) => packet.startsWith('3'))).toEqual([
      ...[0, 1].map((id) => `3${id}[{"ok":true,"expiresAt":null}]`),
      ...[2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(
        (id) => `3${id}[{"ok":false,"code":"auth.too-many-handshakes","retryAfterMs":334}]`,
      ),
    ]);
    expect(raw.packets.at(-2)).toBe(
      '2["propagator:disconnect",{"reason":"auth.too-many-handshakes"}]',
    );
  });

  it('simultaneous auth:refresh is answered with busy, and ends the connection', async () => {
    await start();
    const raw = await open();
    raw.send(connectPacket('/', { token: 'alice' }));
    await raw.answered(1);
    authenticate = () => new Promise<never>(() => {});
    raw.send(...times(2_000, '2["auth:refresh","alice"]'));
    await raw.end();
    expect(asked).toEqual(['alice', 'alice']);
  });

  it('handshakes from one IPv6 network shares one bucket, however the addresses are written', async () => {
    await start({
      auth: {
        authenticate,
        handshakesPerSecond: 2,
        clientAddress: ({ handshake }) => handshake.headers['x-real-ip'] as string,
      },
    });
    await a.connect(from('2001:db8:1:2::1'));
    await a.connect(from('2001:0DB8:0001:0002:ffff::9'));
    expect((await a.refusal(from('2001:db8:1:2:3:4:5:6'))).data).toMatchObject({
      code: 'auth.too-many-handshakes',
    });
    await a.connect(from('2001:db8:1:3::1'));
    await a.connect(from('192.0.2.7'));
    await a.connect(from('::ffff:192.0.2.7'));
    expect((await a.refusal(from('192.0.2.7:4711'))).data).toMatchObject({
      code: 'auth.too-many-handshakes',
    });
  });

  it('namespaces is accepted if a client connects to ten at once', async () => {
    await start({ auth: { authenticate, handshakesPerSecond: 10 }, limits: { refusals: 1 } });
    const names = Array.from({ length: 10 }, (_, n) => `/room-${n}`);
    server().of(/^\/room-\d+$/);
    const raw = await open();
    raw.send(...names.map((name) => connectPacket(name, { token: 'alice' })));
    expect((await raw.answered(10)).toSorted()).toEqual(names.map((name) => `${name} in`));
    expect(raw.closed).toBe(false);
    expect(a.counts).toEqual({});
  });

  it('refusals is forgiven, one a second', async () => {
    await start({ limits: { refusals: 3 } });
    const raw = await open();
    for (let attempt = 0; attempt < 30; attempt++) {
      raw.send(connectPacket('/', { token: 'bad' }));
      await raw.answered(attempt + 1);
      ms += 1_000;
    }
    raw.send(connectPacket('/', { token: 'alice' }));
    expect((await raw.answered(31)).at(-1)).toBe('/ in');
  });

  it('refused clients leaves their addresses in the log', async () => {
    await start({ auth: { authenticate, required: true } });
    await a.refusal();
    await a.refusal({ token: 'bad' });
    for (const kind of ['auth.token-missing', 'auth.token-rejected']) {
      const [line] = cluster.logger.matching(new RegExp(`^warn ${kind}: `));
      expect(line).toMatch(/\(the client at (::ffff:)?127\.0\.0\.1\)/);
    }
  });
});
