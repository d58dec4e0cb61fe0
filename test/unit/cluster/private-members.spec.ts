import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Server, type Namespace, type Socket } from 'socket.io';
import { io, type Socket as Client } from 'socket.io-client';
import * as engine from '../../../src/socket-io/engine-socket.js';
import * as internals from '../../../src/socket-io/internals.js';
import { until } from '../../support/until.js';

/** Values that another version may have in place of a private member. */
const OTHER_KINDS: readonly unknown[] = [undefined, null, 5, 'text', {}, [], () => 'called'];

/** An object with a different value for one member, as seen by the library; the object itself keeps the original. */
function seen<T extends object>(real: T, path: string, value: unknown): T {
  const [member = '', ...rest] = path.split('.');
  return new Proxy(real, {
    get: (target, name) => {
      // Results for the object itself.
      if (typeof name === 'symbol' && name.description?.startsWith('propagator:')) return undefined;
      const own: unknown = Reflect.get(target, name);
      if (name === member) {
        if (rest.length === 0) return value;
        return typeof own === 'object' && own !== null ? seen(own, rest.join('.'), value) : own;
      }
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
    has: (target, name) => name !== member && Reflect.has(target, name),
    // Results for a view are not valid for the object.
    set: () => true,
  });
}

let io1: Server;
let client: Client;
let socket: Socket;
let nsp: Namespace;

beforeAll(async () => {
  const http = createServer();
  io1 = new Server(http);
  internals.switchRecoveryOn(io1, 7_000);
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  const address = http.address() as { port: number };
  const arrived = new Promise<Socket>((resolve) => {
    io1.on('connection', resolve);
  });
  client = io(`http://127.0.0.1:${address.port}`, { transports: ['websocket'] });
  socket = await arrived;
  nsp = io1.of('/');
});
afterAll(async () => {
  client.disconnect();
  await io1.close();
});

/** Each private member, and values of the expected type. */
const kindOf = (path: string, value: unknown): boolean => {
  if (path === 'opts') return typeof value === 'object' && value !== null;
  if (path === '_ids') return typeof value === 'number';
  if (path === '_onServerSideEmit' || path === '_remove' || path === 'onClose')
    return typeof value === 'function';
  if (path === 'writeBuffer') return Array.isArray(value);
  return false;
};

describe.each(OTHER_KINDS)('a private member that is %p', (value) => {
  it.each(['opts', '_nsps'])(
    'in place of Server.%s is named in the warning, and the public path is used',
    (path) => {
      const server = seen(io1, path, value);
      const isNamed = internals.serverFaults(server).includes(`Server.${path}`);
      expect(isNamed).toBe(!kindOf(path, value));
      expect([...internals.namespacesOf(server)]).toContain(nsp);
      expect(internals.parserOf(server)).toBe(
        path === 'opts' ? undefined : internals.parserOf(io1),
      );
      expect(internals.closesEmptyNamespaces(seen(nsp, 'server', server))).toBe(false);
    },
  );

  it('in place of opts.parser is not taken for a parser', () => {
    expect(internals.parserOf(seen(io1, 'opts.parser', value))).toBeUndefined();
  });

  it('in place of Namespace._ids gives no numbers', () => {
    const changed = seen(nsp, '_ids', value);
    expect(typeof internals.nextAckId(changed)).toBe(
      typeof value === 'number' ? 'number' : 'undefined',
    );
  });

  it('in place of Namespace._onServerSideEmit: listeners are still called', () => {
    const heard: unknown[] = [];
    const listener = (...args: unknown[]): void => void heard.push(args);
    nsp.on('between' as never, listener as never);
    internals.callServerSide(seen(nsp, '_onServerSideEmit', value), ['between', 1]);
    nsp.off('between', listener);
    expect(heard).toEqual(typeof value === 'function' ? [] : [[1]]);
  });

  it('in place of Namespace._remove: the end of sockets is still reported', () => {
    const before = nsp.listeners('connect').length;
    expect(internals.onRemoved(seen(nsp, '_remove', value), () => {})).toBe(
      typeof value === 'function',
    );
    expect(nsp.listeners('connect').length - before).toBe(typeof value === 'function' ? 0 : 1);
    nsp.removeAllListeners('connect');
  });

  it('in place of Socket.acks is not taken for callbacks', () => {
    const changed = seen(socket, 'acks', value);
    expect(internals.acksOf(changed)).toBeUndefined();
    expect(internals.socketFaults(changed)).toContain('Socket.acks');
  });

  it('in place of Client.sockets: the sockets of a client are still found', () => {
    const changed = seen(socket, 'client.sockets', value);
    expect(internals.socketFaults(changed)).toContain('Client.sockets');
    // The sockets of the server name their client; this one is a view of it.
    const { client: view } = changed;
    const found = internals.socketsOf({ client: view, nsp } as unknown as Socket);
    expect(found.length).toBeLessThanOrEqual(1);
  });

  it.each(['flags', 'adapter'])('in place of BroadcastOperator.%s is not used', (path) => {
    const server = seen(io1, 'in', () => seen(io1.in('x'), path, value));
    const isObject = typeof value === 'object' && value !== null;
    const isNamed = internals.serverFaults(server).includes(`BroadcastOperator.${path}`);
    expect(isNamed).toBe(path === 'adapter' || !isObject);
    const operator = seen(io1.in('x'), path, value);
    const found = [internals.ackFlagsOf(operator), internals.adapterOf(operator)];
    expect(found.includes(undefined)).toBe(!isObject);
  });

  it.each(['_preConnectSockets', '_createSocket'])(
    'in place of Namespace.%s is not used for recovery',
    (path) => {
      const changed = seen(nsp, path, value);
      const faults = internals.serverFaults(seen(io1, 'of', () => changed));
      const isIt = path === '_createSocket' ? typeof value === 'function' : value instanceof Map;
      expect(faults.includes(`Namespace.${path}`)).toBe(!isIt);
      const arriving = { id: 'a', nsp: changed } as unknown as Socket;
      internals.rename(arriving, 'b');
      expect(arriving.id).toBe('b');
      expect(() => internals.recoverWithoutOffset(changed)).not.toThrow();
    },
  );

  it.each([
    'writeBuffer',
    'server',
    'onClose',
    'transport._canSendPreEncodedFrame',
    'transport.socket._sender',
    'transport.socket._socket',
    'transport.socket._socket.bytesWritten',
    'transport.socket._socket._handle.writeQueueSize',
    'transport.socket.bufferedAmount',
    'transport.discard',
    'transport.shouldClose',
  ])('in place of a connection’s %s causes no error', (path) => {
    const real = socket.conn as unknown as engine.EngineSocket;
    const fresh = seen(real.transport, '-', undefined);
    const connection = seen(path === 'server' ? seen(real, 'transport', fresh) : real, path, value);
    const faults = engine.connectionFaults(connection);
    expect(faults).toBeInstanceOf(Array);
    expect(engine.waitingBytes(connection)).toEqual(expect.any(Number));
    expect(engine.bytesInFlight(connection)).toEqual(expect.any(Number));
    expect(engine.isGone(connection)).toBe(false);
    // Another function returns something else than that of Engine.IO.
    const needed = /^server$|_canSend|_sender$/.test(path);
    expect(engine.takesFrames(connection)).toBe(!needed);
    // Without proof no client is treated as one that reads nothing.
    const isProof =
      !path.includes('_socket') ||
      ((path.includes('.bytes') || path.includes('._handle.')) && typeof value === 'number');
    expect(engine.sendProgress(connection) !== undefined).toBe(isProof);
  });

  it.each([
    'server.opts',
    'server.opts.perMessageDeflate',
    'transport.socket._sender',
    'transport.socket._extensions',
    'transport.socket._extensions.permessage-deflate',
    'transport.socket._extensions.permessage-deflate.params',
    'transport.socket._extensions.permessage-deflate.params.server_no_context_takeover',
  ])('in place of a compressed connection’s %s: it compresses for itself', (path) => {
    const params = { server_no_context_takeover: true };
    const real = socket.conn as unknown as engine.EngineSocket;
    const compressed = () =>
      ({
        protocol: 4,
        writeBuffer: [],
        server: { opts: { perMessageDeflate: {} } },
        transport: {
          name: 'websocket',
          socket: {
            extensions: 'permessage-deflate',
            _extensions: { 'permessage-deflate': { params } },
            _sender: real.transport.socket?._sender,
          },
        },
      }) as unknown as engine.EngineSocket;
    const changed = seen(compressed(), path, value);
    const isObject = typeof value === 'object' && value !== null;

    const found = engine.compressionOf(changed);
    const faults = engine.connectionFaults(changed);

    expect(found !== undefined).toBe(isObject && path.endsWith('perMessageDeflate'));
    expect(faults.some((fault) => fault.includes('_extensions'))).toBe(
      path.includes('_extensions') &&
        !path.endsWith('takeover') &&
        !(isObject && path.endsWith('params')),
    );
    expect(engine.compressionOf(compressed())).toBeDefined();
  });

  it('in place of EngineServer.clients counts as a server without clients', () => {
    const server = io1.engine as unknown as engine.EngineServer;
    expect(engine.clientsOf(seen(server, 'clients', value))).toEqual([]);
    expect(engine.clientsOf(server)).toHaveLength(1);
  });

  it('in place of the members for closing a connection: it is still closed', async () => {
    for (const path of ['onClose', 'transport.discard', 'transport.shouldClose']) {
      const one = io(
        client.io.opts.hostname ? `http://${client.io.opts.hostname}:${client.io.opts.port}` : '',
        {
          transports: ['websocket'],
          forceNew: true,
          reconnection: false,
        },
      );
      const arrived = await new Promise<Socket>((resolve) => {
        io1.once('connection', resolve);
      });
      if (path === 'onClose' && typeof value === 'function') {
        one.disconnect();
        continue;
      }
      engine.hardClose(seen(arrived.conn as unknown as engine.EngineSocket, path, value), 'test');
      await until(
        () => one.disconnected,
        () => `the client to be closed without ${path}`,
      );
      expect(one.connected).toBe(false);
    }
  });
});
