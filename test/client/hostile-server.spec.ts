import { randomBytes } from 'node:crypto';
import { PacketType } from 'socket.io-parser';
import { afterEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { GapNotice } from '../../client/src/index.js';
import { watchPresence } from '../../client/presence/index.js';
import { until } from '../support/until.js';
import { Clients, newsOf, statesOf, untilState } from './support/clients.js';
import { PlainServer } from './support/plain-server.js';

const RECOVERY = { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } };

const offset = (): string =>
  randomBytes(8).toString('base64url') + randomBytes(6).toString('base64url');

/** Answers to a watch of presence that are nearly right. */
const ANSWER = fc.record(
  {
    ok: fc.boolean(),
    users: fc.array(
      fc.record({ userId: fc.constant('A'), online: fc.jsonValue(), status: fc.jsonValue() }),
    ),
    retryAfterMs: fc.integer(),
    maxUsers: fc.integer(),
  },
  { requiredKeys: [] },
);

describe('the client, with a server that does what it wants', () => {
  const clients = new Clients();
  const servers: PlainServer[] = [];
  afterEach(async () => {
    clients.close();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  const start = async (...args: Parameters<typeof PlainServer.start>): Promise<PlainServer> => {
    const server = await PlainServer.start(...args);
    servers.push(server);
    return server;
  };

  it('connects again to a server that was away, with growing pauses', async () => {
    const server = await start();
    const socket = clients.connect(server.url);
    await untilState(socket, 'connected');
    servers.length = 0;
    await server.close();
    await until(
      () => socket.status.get().failures >= 3,
      () => 'three failures',
    );
    await start({}, server.port);
    await untilState(socket, 'connected');
    expect(socket.status.get().failures).toBe(0);
  });

  it('tries again if the app has no URL for now', async () => {
    const server = await start();
    let url: string | undefined = server.url;
    const socket = clients.connect(() => {
      if (url === undefined) throw new Error('no server is known');
      return url;
    });
    await untilState(socket, 'connected');
    url = undefined;
    server.dropClients();
    await until(
      () => socket.status.get().failures >= 3,
      () => JSON.stringify(socket.status.get()),
    );
    expect(socket.status.get()).toMatchObject({ state: 'waiting', reason: 'url' });
    ({ url } = server);
    await untilState(socket, 'connected');
  });

  it('is told once for all namespaces that it has lost its connection, and how long it waits', async () => {
    const server = await start();
    server.io.of('/chat');
    const socket = clients.connect(server.url);
    const chat = socket.of('/chat');
    await Promise.all([untilState(socket, 'connected'), untilState(chat, 'connected')]);
    const pauses: unknown[] = [];
    for (const { status } of [socket, chat]) {
      status.subscribe(() => {
        const { state, retryInMs } = status.get();
        if (state === 'waiting') pauses.push(retryInMs);
      });
    }
    server.dropClients();
    await until(
      () => pauses.length === 2,
      () => 'both sockets to wait',
    );
    expect(pauses[0]).toBe(pauses[1]);
    await Promise.all([untilState(socket, 'connected'), untilState(chat, 'connected')]);
  });

  it('says that it was recovered, and not that the state has to be loaded', async () => {
    const server = await start(RECOVERY);
    const socket = clients.connect(server.url);
    const news = newsOf(socket);
    await untilState(socket, 'connected');
    // Socket.IO recovers from the offset of an event.
    server.io.emit('first');
    await new Promise<void>((resolve) => socket.once('first', resolve));
    server.dropClients();
    await untilState(socket, 'waiting');
    await untilState(socket, 'connected');
    expect(news).toEqual(['recovered']);
  });

  it('strips offsets, drops an event that it has, and remembers the offset of the last one', async () => {
    const server = await start(RECOVERY);
    const offsets: unknown[] = [];
    server.io.use((client, next) => {
      offsets.push(client.handshake.auth['offset']);
      next();
    });
    const socket = clients.connect(server.url);
    await untilState(socket, 'connected');
    const got: unknown[][] = [];
    socket.onAny((...args: unknown[]) => got.push(args));
    const [a, b] = [offset(), offset()];
    const [client] = server.io.of('/').sockets.values();
    // Send packets directly: `emit` would append an offset of Socket.IO's own.
    const packets = client as unknown as { packet(packet: object): void };
    const send = (...args: unknown[]): void =>
      packets.packet({ type: PacketType.EVENT, data: ['event', ...args] });
    send(1, a);
    send('text', 'more', b);
    send(1, a);
    send('no offset');
    send(a.slice(1));
    await until(
      () => got.length >= 4,
      () => 'the events',
    );
    expect(got).toEqual([
      ['event', 1],
      ['event', 'text', 'more'],
      ['event', 'no offset'],
      ['event', a.slice(1)],
    ]);
    server.dropClients();
    await untilState(socket, 'waiting');
    await untilState(socket, 'connected');
    expect(offsets).toEqual([undefined, b]);
  });

  it('leaves the arguments alone if the server has no recovery', async () => {
    const server = await start();
    const socket = clients.connect(server.url);
    await untilState(socket, 'connected');
    const text = offset();
    const got = new Promise((resolve) => socket.once('event', resolve));
    server.io.emit('event', text);
    expect(await got).toBe(text);
  });

  it('is refused for good by an error of the app, and tries again after an internal one', async () => {
    const server = await start();
    let errors = 0;
    server.io.use((_client, next) => {
      errors += 1;
      next(new Error(errors === 1 ? 'Internal error' : 'not for you'));
    });
    const socket = clients.connect(server.url);
    await untilState(socket, 'refused');
    expect(socket.status.get().reason).toBe('not for you');
    expect(errors).toBe(2);
  });

  it('waits at least as long as the server asks, and up to a quarter longer, so that clients do not come at once', async () => {
    const server = await start();
    const retryAfterMs = 40_000;
    server.io.use((_client, next) => {
      const data = { code: 'auth.too-many-handshakes', retryAfterMs };
      next(Object.assign(new Error('refused'), { data }));
    });
    const sockets = Array.from({ length: 10 }, () => clients.connect(server.url));
    await Promise.all(sockets.map((socket) => untilState(socket, 'waiting')));
    const pauses = sockets.map(({ status }) => status.get().retryInMs ?? 0);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(retryAfterMs);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1.25 * retryAfterMs);
    expect(new Set(pauses).size).toBe(pauses.length);
  });

  it('stays away when the server disconnects it without a reason, and when the app does', async () => {
    const server = await start();
    const socket = clients.connect(server.url);
    await untilState(socket, 'connected');
    server.io.disconnectSockets();
    await untilState(socket, 'refused');
    expect(socket.status.get().reason).toBe('io server disconnect');
    socket.connect();
    await untilState(socket, 'connected');
    const states = statesOf(socket);
    socket.disconnect();
    server.dropClients();
    expect(states).toEqual(['connected', 'closed']);
  });

  it('does not hammer a server that hints a short pause and closes each connection', async () => {
    const server = await start();
    let connections = 0;
    server.io.on('connection', (client) => {
      connections += 1;
      if (connections > 1) return;
      client.emit('propagator:disconnect', { reason: 'server.draining', reconnectInMs: 0 });
      client.conn.close();
    });
    server.io.use((client, next) => {
      if (connections === 1 && refusals++ < 3) client.conn.close();
      else next();
    });
    let refusals = 0;
    const socket = clients.connect(server.url);
    const states = statesOf(socket);
    await until(
      () => connections === 2,
      () => 'the second connection',
    );
    await untilState(socket, 'connected');
    expect(states.filter((state) => state === 'waiting (server.draining)')).toHaveLength(1);
    expect(states.filter((state) => state === 'waiting (transport close)')).toHaveLength(3);
  });

  it('never throws into the page, whatever the server says', async () => {
    const server = await start(RECOVERY);
    const uncaught: unknown[] = [];
    const note = (error: unknown): unknown => uncaught.push(error);
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
    try {
      const socket = clients.connect(server.url, { getToken: () => 'token' });
      const gaps: GapNotice[] = [];
      socket.onGap((gap) => gaps.push(gap));
      const presence = watchPresence(socket, ['A', 'toString']);
      presence.subscribe(() => presence.get());
      await untilState(socket, 'connected');
      const answers = fc.sample(fc.oneof(fc.jsonValue(), ANSWER), 500);
      server.io.on('connection', (client) =>
        client.on('propagator:watch', (_, ack: (answer: unknown) => void) => ack(answers.pop())),
      );
      const names = [
        'propagator:disconnect',
        'auth:expiring',
        'propagator:gap',
        'propagator:presence',
        'event',
      ];
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...names),
          fc.array(fc.oneof(fc.jsonValue(), fc.constant('A'.repeat(19)))),
          async (name, args) => {
            server.io.emit(name, ...args);
            watchPresence(socket, [JSON.stringify(args)]).subscribe(() => undefined)();
            const fence = new Promise<void>((resolve) => socket.once('fence', () => resolve()));
            server.io.emit('fence');
            await fence;
          },
        ),
        { numRuns: 200 },
      );
      expect(gaps.every(({ targets }) => Array.isArray(targets))).toBe(true);
      server.dropClients();
      await untilState(socket, 'connected');
    } finally {
      process.off('uncaughtException', note);
      process.off('unhandledRejection', note);
    }
    expect(uncaught).toEqual([]);
  });
});
