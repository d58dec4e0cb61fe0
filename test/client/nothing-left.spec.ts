import { createHook, executionAsyncId } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { watchPresence } from '../../client/presence/index.js';
import type { ClientSocket, ConnectOptions } from '../../client/src/index.js';
import { until } from '../support/until.js';
import { Clients, untilState } from './support/clients.js';
import { PlainServer } from './support/plain-server.js';

const HALF_A_MINUTE = 30_000;
const NEVER = new Promise<never>(() => undefined);

/** The files whose timers and promises are counted: those of this package, and of the socket that it wraps. */
const OWN = /\/client\/(?:src|presence)\//;
const WRAPPED = /node_modules\/(?:socket|engine)\.io-client\//;

/** The timers of the client that have not ended, and its promises that have not settled, with the place of their creation. */
class Pending {
  private readonly timers = new Map<unknown, string>();
  private readonly promises = new Map<number, string>();
  private readonly set = globalThis.setTimeout;
  private readonly clear = globalThis.clearTimeout;
  private readonly hook = createHook({
    init: (id, type, trigger) => {
      // One with another trigger is made by `await` or `then`, and follows the promise that triggers it.
      if (type !== 'PROMISE' || trigger !== executionAsyncId()) return;
      const place = placeOf(OWN);
      if (place !== undefined) this.promises.set(id, place);
    },
    promiseResolve: (id) => this.promises.delete(id),
  });

  constructor() {
    const { set, clear, timers } = this;
    globalThis.setTimeout = ((act: (...args: unknown[]) => void, ...rest: [number]) => {
      const timer = set(
        (...args: unknown[]) => {
          timers.delete(timer);
          act(...args);
        },
        ...rest,
      );
      const place = placeOf(OWN) ?? placeOf(WRAPPED);
      if (place !== undefined) timers.set(timer, place);
      return timer;
    }) as typeof setTimeout;
    globalThis.clearTimeout = (timer) => {
      timers.delete(timer);
      clear(timer);
    };
    this.hook.enable();
  }

  get all(): string[] {
    return [...this.timers.values(), ...this.promises.values()];
  }

  stop(): void {
    this.hook.disable();
    globalThis.setTimeout = this.set;
    globalThis.clearTimeout = this.clear;
  }
}

/** The first line of the stack in one of these files. */
function placeOf(files: RegExp): string | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 30;
  const lines = new Error('here').stack?.split('\n') ?? [];
  Error.stackTraceLimit = stackTraceLimit;
  return lines.find((line) => files.test(line))?.trim();
}

/** What the server does, and what the client is asked to do, until the client is in the state of the test. */
interface State {
  readonly options?: ConnectOptions;
  readonly serve?: (server: PlainServer) => void;
  readonly reach: (socket: ClientSocket, server: PlainServer) => Promise<void>;
}

const connected = (socket: ClientSocket): Promise<void> => untilState(socket, 'connected');
const refuse = (server: PlainServer, data: object): void => {
  server.io.use((_, next) => next(Object.assign(new Error('refused'), { data })));
};
const ignore = (promise: Promise<unknown>): void => void promise.catch(() => undefined);

let asked: string[] = [];
const untilAsked = (reason: string): Promise<void> =>
  until(
    () => asked.includes(reason),
    () => `a question for a token (${reason})`,
  );
/** A token for the connection, and none in time afterwards. */
const getToken: ConnectOptions['getToken'] = ({ reason }) => {
  asked.push(reason);
  return reason === 'connect' ? 'token' : NEVER;
};

const STATES: Record<string, State> = {
  'is connected': { reach: connected },
  'waits for the token of a connection': {
    options: {
      getToken: ({ reason }) => {
        asked.push(reason);
        return NEVER;
      },
    },
    reach: () => untilAsked('connect'),
  },
  'was refused and waits for the next attempt': {
    serve: (server) => refuse(server, { code: 'auth.timeout', retryAfterMs: HALF_A_MINUTE }),
    reach: (socket) => untilState(socket, 'waiting'),
  },
  'was refused and waits for another token': {
    options: { getToken },
    serve: (server) => refuse(server, { code: 'auth.token-expired' }),
    reach: () => untilAsked('refused'),
  },
  'was refused for good': {
    serve: (server) => refuse(server, {}),
    reach: (socket) => untilState(socket, 'refused'),
  },
  'has lost its connection and waits': {
    options: { reconnectionDelay: HALF_A_MINUTE, reconnectionDelayMax: HALF_A_MINUTE },
    reach: async (socket, server) => {
      await connected(socket);
      server.dropClients();
      await untilState(socket, 'waiting');
    },
  },
  'waits as long as an instance that ends has said': {
    reach: async (socket, server) => {
      await connected(socket);
      server.io.emit('propagator:disconnect', {
        reason: 'server.draining',
        reconnectInMs: HALF_A_MINUTE,
      });
      server.io.disconnectSockets(true);
      await untilState(socket, 'waiting');
    },
  },
  'refreshes a token, and the app gives none': {
    options: { getToken },
    reach: async (socket, server) => {
      await connected(socket);
      server.io.emit('auth:expiring', {});
      await untilAsked('expiring');
    },
  },
  'has refreshed a token with the same one, and waits': {
    options: {
      getToken: ({ reason }) => {
        asked.push(reason);
        return 'token';
      },
    },
    reach: async (socket, server) => {
      await connected(socket);
      server.io.emit('auth:expiring', {});
      await untilAsked('expiring');
    },
  },
  'has sent a new token, and the server does not answer': {
    options: { getToken: ({ reason }) => reason },
    serve: (server) =>
      server.io.on('connection', (client) => client.on('auth:refresh', () => asked.push('server'))),
    reach: async (socket, server) => {
      await connected(socket);
      server.io.emit('auth:expiring', {});
      await untilAsked('server');
    },
  },
  'has events that wait for the connection': {
    serve: (server) => refuse(server, { code: 'auth.timeout', retryAfterMs: HALF_A_MINUTE }),
    reach: async (socket) => {
      for (let i = 0; i < 3; i++) ignore(socket.emitOnce('say', i));
      await untilState(socket, 'waiting');
    },
  },
  'has events that the server does not answer': {
    serve: (server) =>
      server.io.on('connection', (client) => client.on('say', () => asked.push('server'))),
    reach: async (socket) => {
      for (let i = 0; i < 3; i++) ignore(socket.emitOnce('say', i));
      await untilAsked('server');
    },
  },
  'has events that it sends again later': {
    serve: (server) =>
      server.io.on('connection', (client) =>
        client.on('say', (_, __, ack: (answer: unknown) => void) => {
          ack({ status: 'error', code: 'once.unavailable', retryAfterMs: HALF_A_MINUTE });
          asked.push('server');
          client.emit('fence');
        }),
      ),
    reach: async (socket) => {
      const fence = new Promise<void>((resolve) => socket.once('fence', () => resolve()));
      ignore(socket.emitOnce('say', 1));
      await fence;
    },
  },
  'has had a notice of a gap': {
    reach: async (socket, server) => {
      await connected(socket);
      const noticed = new Promise<void>((resolve) => socket.onGap(() => resolve()));
      server.io.emit('propagator:gap', { targets: [] });
      await noticed;
    },
  },
  'watches users, and the server does not answer': {
    serve: (server) =>
      server.io.on('connection', (client) =>
        client.on('propagator:watch', () => asked.push('server')),
      ),
    reach: async (socket) => {
      watchPresence(socket, ['alice']).subscribe(() => undefined);
      await untilAsked('server');
    },
  },
  'watches users, and asks the server again later': {
    serve: (server) =>
      server.io.on('connection', (client) =>
        client.on('propagator:watch', (_, ack: (answer: unknown) => void) => {
          ack({ ok: false, code: 'presence.watch-failed', retryAfterMs: HALF_A_MINUTE });
          client.emit('fence');
        }),
      ),
    reach: async (socket) => {
      const fence = new Promise<void>((resolve) => socket.once('fence', () => resolve()));
      watchPresence(socket, ['alice']).subscribe(() => undefined);
      await fence;
    },
  },
  'watches users': {
    serve: (server) =>
      server.io.on('connection', (client) =>
        client.on('propagator:watch', (_, ack: (answer: unknown) => void) =>
          ack({ ok: true, users: [{ userId: 'alice', online: true, status: null }] }),
        ),
      ),
    reach: async (socket) => {
      const presence = watchPresence(socket, ['alice']);
      presence.subscribe(() => undefined);
      await until(
        () => presence.get().size === 1,
        () => 'alice',
      );
    },
  },
};

describe('nothing of a client is left after it was ended', () => {
  const clients = new Clients();
  let server: PlainServer;
  let pending: Pending;
  beforeEach(async () => {
    asked = [];
    server = await PlainServer.start();
    pending = new Pending();
  });
  afterEach(async () => {
    pending.stop();
    clients.close();
    await server.close();
  });

  const untilNothing = (): Promise<void> =>
    until(
      () => pending.all.length === 0,
      () => `nothing to be left, and not\n${pending.all.join('\n')}`,
    );

  describe.each(Object.entries(STATES))('that %s', (_, { options, serve, reach }) => {
    it.each([
      ['ended', (socket: ClientSocket) => socket.end()],
      ['disconnected', (socket: ClientSocket) => socket.disconnect()],
    ])('and is %s', async (__, end) => {
      serve?.(server);
      const socket = clients.connect(server.url, options);
      await reach(socket, server);
      end(socket);
      expect(socket.status.get().state).toBe('closed');
      await untilNothing();
    });
  });

  it('with several namespaces', async () => {
    server.io.of('/chat');
    const socket = clients.connect(server.url, { getToken });
    const chat = socket.of('/chat');
    await Promise.all([connected(socket), connected(chat as unknown as ClientSocket)]);
    server.io.emit('auth:expiring', {});
    await untilAsked('expiring');
    // The other namespace may still need the token.
    socket.disconnect();
    expect(pending.all).not.toEqual([]);
    chat.disconnect();
    await untilNothing();
  });

  it('of which the server never accepts the connection', async () => {
    const accepted: Socket[] = [];
    const silent: TcpServer = createServer((connection) => accepted.push(connection));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as AddressInfo;
    for (const transport of ['websocket', 'polling'] as const) {
      const reached = once(silent, 'connection');
      const socket = clients.connect(`http://127.0.0.1:${port}`, { transports: [transport] });
      await reached;
      expect(pending.all).not.toEqual([]);
      socket.end();
      await untilNothing();
    }
    // Engine.IO closes a request of long polling only when the server has answered.
    for (const connection of accepted) connection.destroy();
    silent.close();
  });

  it('and connects again at once, also while the app gives no token', async () => {
    let isSlow = true;
    const socket = clients.connect(server.url, {
      getToken: ({ reason }) => {
        asked.push(reason);
        return isSlow ? NEVER : 'token';
      },
    });
    await untilAsked('connect');
    isSlow = false;
    socket.disconnect();
    socket.connect();
    await connected(socket);
    expect(asked).toEqual(['connect', 'connect']);
    socket.end();
    await untilNothing();
  });

  it('and an event that waits then rejects', async () => {
    refuse(server, { code: 'auth.timeout', retryAfterMs: HALF_A_MINUTE });
    const socket = clients.connect(server.url);
    const failed = socket.emitOnce('say', 1).catch((error: unknown) => error);
    socket.end();
    expect(await failed).toMatchObject({ code: 'outbox.closed' });
    await untilNothing();
  });
});
