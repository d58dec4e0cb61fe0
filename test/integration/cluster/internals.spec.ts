import { afterEach, describe, expect, it } from '@jest/globals';
import { Server } from 'socket.io';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

interface Packet {
  options?: Record<string, unknown>;
}
interface Transport {
  send(packets: Packet[]): void;
  _canSendPreEncodedFrame?: unknown;
  socket: Record<string, unknown> & { _sender?: { sendFrame?: unknown }; _socket?: unknown };
}
interface Engine {
  createTransport(name: string, request: unknown): Transport;
}
type Private = Record<string, unknown>;

/** The class of all Engine.IO servers on HTTP. */
const ENGINE = ((): Engine => {
  const server = new Server(0);
  const engine = server.engine as unknown as Engine;
  void server.close();
  return Object.getPrototypeOf(engine) as Engine;
})();

/** A WebSocket that shows others a different value for one member, and itself the original one. */
function replaced(
  socket: Transport['socket'],
  member: string,
  value: unknown,
): Transport['socket'] {
  return new Proxy(socket, {
    get: (_, name) => {
      const own: unknown = name === member ? value : Reflect.get(socket, name);
      return typeof own === 'function' ? (own.bind(socket) as unknown) : own;
    },
  });
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('a private member of Engine.IO or ws that is not as expected', () => {
  let cluster: TestCluster;
  let undo: (() => void) | undefined;
  afterEach(async () => {
    undo?.();
    undo = undefined;
    await cluster.close();
  });

  /** Changes each WebSocket transport that is created from now on. */
  function changed(change: (transport: Transport) => void): void {
    const { createTransport } = ENGINE;
    ENGINE.createTransport = function (this: Engine, name, request) {
      const transport = createTransport.call(this, name, request);
      if (name === 'websocket') change(transport);
      return transport;
    };
    undo = () => {
      ENGINE.createTransport = createTransport;
    };
  }

  it.each<[what: string, named: string, change: (transport: Transport) => void]>([
    [
      'an option for finished frames that has another name',
      'finished frames (wsPreEncodedFrame)',
      (transport) => {
        const { send } = transport;
        transport.send = function (this: Transport, packets) {
          for (const packet of packets) delete packet.options?.['wsPreEncodedFrame'];
          send.call(
            this,
            packets.map((packet) => ({ ...packet, options: {} })),
          );
        };
      },
    ],
    [
      'a check for finished frames that has another name',
      'WebSocket._canSendPreEncodedFrame',
      (transport) => {
        const { send } = transport;
        transport.send = function (this: Transport, packets) {
          delete this._canSendPreEncodedFrame;
          send.call(this, packets);
          this._canSendPreEncodedFrame = undefined;
        };
        transport._canSendPreEncodedFrame = undefined;
      },
    ],
    [
      'a sender that has no frames',
      'Sender.sendFrame of ws',
      (transport) => {
        const { _sender: sender, _socket: tcp } = transport.socket;
        if (sender === undefined || tcp === undefined) return;
        const other = Object.create(sender, { sendFrame: { value: undefined } }) as object;
        transport.socket = replaced(transport.socket, '_sender', other);
      },
    ],
    [
      'a sender that takes frames for something else',
      'Sender.sendFrame of ws',
      (transport) => {
        if (transport.socket['_socket'] === undefined) return;
        class OtherSender {
          sendFrame(): void {}
        }
        transport.socket = replaced(transport.socket, '_sender', new OtherSender());
      },
    ],
    [
      'a TCP socket that is not to be found',
      'WebSocket._socket of ws',
      (transport) => {
        if (transport.socket['_socket'] === undefined) return;
        transport.socket = replaced(transport.socket, '_socket', undefined);
      },
    ],
  ])('%s: all events arrive, and one warning names the versions', async (_, named, change) => {
    changed(change);
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const clients = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice', transports: ['polling'] }),
    ];

    for (const data of upTo(20)) {
      void cluster.instance(0).propagator.emitToUser({ userId: 'alice', event: 'n', data });
    }
    serverOf(cluster, 1).emit('binary', Buffer.from('x'));

    await cluster.settled(...clients);
    for (const client of clients) {
      expect(client.data('n')).toEqual(upTo(20));
      expect(client.data('binary')).toHaveLength(1);
      expect(client.socket.connected).toBe(true);
    }
    const warnings = cluster.logger.matching(/^warn internals\.changed: /);
    // One for each instance.
    expect(warnings).toHaveLength(2);
    for (const line of warnings) {
      expect(line).toContain(named);
      expect(line).toMatch(/socket\.io 4\.\d+\.\d+, engine\.io 6\.\d+\.\d+, ws 8\.\d+\.\d+/);
    }
  });

  it('logs nothing if all members are as expected', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    await cluster.instance(0).connect({ token: 'alice' });
    await cluster.instance(0).connect({ token: 'alice', transports: ['polling'] });

    expect(cluster.instance(0).counts).toEqual({});
    expect(cluster.logger.matching(/internals\.changed/)).toEqual([]);
  });
});

describe('a private member of Socket.IO that is missing', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('is replaced by the public path for acknowledgements, outgoing listeners and server-side events', async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const client = await cluster.instance(0).connect({ token: 'alice' });
    client.socket.on('question', (_: unknown, answer: (text: string) => void) => answer('yes'));
    const heard: unknown[] = [];
    const nsp = serverOf(cluster, 0).of('/');
    (nsp as unknown as Private)['_onServerSideEmit'] = undefined;
    nsp.on('between' as never, ((...args: unknown[]) => heard.push(args)) as never);
    const socket = socketOf(cluster, client.id);
    // From now on its callbacks have another name.
    const { acks, registerAckCallback } = socket as unknown as {
      acks: Map<number, unknown>;
      registerAckCallback: (this: unknown, ...args: unknown[]) => void;
    };
    const underOldName = Object.create(socket, { acks: { value: acks } }) as object;
    Object.assign(socket, {
      acks: undefined,
      registerAckCallback: (...args: unknown[]) => registerAckCallback.apply(underOldName, args),
      onack: (packet: { id: number; data: unknown[] }) => {
        (acks.get(packet.id) as (...args: unknown[]) => void)(...packet.data);
        acks.delete(packet.id);
      },
    });

    const answers = await cluster
      .instance(1)
      .propagator.requestUser({ userId: 'alice', event: 'question', data: 1 });
    serverOf(cluster, 1).serverSideEmit('between', 2);
    await until(
      () => heard.length > 0,
      () => 'the event between servers',
    );

    expect(answers.items.map(({ answer }) => answer)).toEqual(['yes']);
    expect(heard).toEqual([[2]]);
    Object.assign(socket, { acks });
  });
});
