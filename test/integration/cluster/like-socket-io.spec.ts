import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Server, type Socket } from 'socket.io';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { TestClient } from '../../support/test-client.js';
import { givenCluster } from '../../support/test-cluster.js';

const END = 'test:end';

/** A server with three connected clients, their sockets, and the room events of its adapter. */
interface Stage {
  readonly io: Server;
  readonly clients: readonly TestClient[];
  readonly sockets: readonly [Socket, Socket, Socket];
  readonly told: readonly string[];
  close(): Promise<void>;
}

async function staged(io: Server, url: string, end: () => Promise<unknown>): Promise<Stage> {
  const told: string[] = [];
  const clients: TestClient[] = [];
  const sockets: Socket[] = [];
  const nameOf = (text: string): string => {
    const index = sockets.findIndex(({ id }) => id === text);
    return index === -1 ? text : `socket ${index}`;
  };
  for (let index = 0; index < 3; index++) {
    const client = await TestClient.connect(url, { token: 'alice' });
    clients.push(client);
    sockets.push(io.sockets.sockets.get(client.id) as Socket);
  }
  for (const event of ['create-room', 'join-room', 'leave-room', 'delete-room']) {
    io.of('/').adapter.on(event, (...names: string[]) => {
      told.push(`${event} ${names.map(nameOf).join(' ')}`);
    });
  }
  return {
    io,
    clients,
    sockets: sockets as [Socket, Socket, Socket],
    told,
    close: async () => {
      for (const client of clients) client.close();
      await end();
    },
  };
}

async function plain(): Promise<Stage> {
  const http = createServer();
  const io = new Server(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return staged(io, `http://127.0.0.1:${(http.address() as AddressInfo).port}`, () => io.close());
}

async function ours(): Promise<Stage> {
  const cluster = await givenCluster().of(1).with(PlainGateway).start();
  return staged(serverOf(cluster, 0), cluster.instance(0).url, () => cluster.close());
}

type Script = (stage: Stage) => unknown;

/** Runs a script. Returns the events of each client, the rooms, and the events of the adapter. */
async function observe(stage: Stage, script: Script): Promise<unknown> {
  const { io, clients, sockets, told } = stage;
  let returned: unknown;
  try {
    returned = await script(stage);
  } catch (error) {
    returned = `threw ${(error as Error).name}`;
  }
  await new Promise((resolve) => setImmediate(resolve));
  for (const [index, socket] of sockets.entries()) {
    if (!socket.connected) continue;
    socket.emit(END);
    await clients[index]?.waitFor(END);
  }
  const names = new Map(sockets.map(({ id }, index) => [id, `socket ${index}`]));
  const named = (rooms: Iterable<string>): string[] =>
    [...rooms].map((room) => names.get(room) ?? room);
  const { adapter } = io.of('/');
  return {
    returned,
    got: clients.map(({ received }) =>
      received
        .filter(({ event }) => event !== END)
        // Two callbacks are never equal.
        .map(({ event, args }) => ({
          event,
          args: args.filter((arg) => typeof arg !== 'function'),
        })),
    ),
    rooms: sockets.map(({ rooms }) => named(rooms)),
    adapterRooms: [...adapter.rooms].map(([room, ids]) => [named([room]), named(ids)]),
    sids: [...adapter.sids].map(([id, rooms]) => [named([id]), named(rooms)]),
    fetched: (await io.fetchSockets()).map(({ id, rooms }) => [named([id]), named(rooms)]),
    all: named(await io.allSockets()),
    told,
  };
}

const tell = ({ sockets: [first] }: Stage): void => {
  for (const room of first.rooms) first.to(room).emit('leaves', 1);
};

const scripts: [what: string, script: Script][] = [
  ['nothing', () => undefined],
  [
    'a socket that joins and leaves rooms',
    async ({ sockets: [a, b] }) => {
      await a.join(['one', 'two']);
      await b.join('two');
      await a.leave('two');
      await a.leave('never joined');
    },
  ],
  [
    'events to rooms, without others, and to all but the sender',
    async ({ io, sockets: [a, b, c] }) => {
      await a.join(['one', 'two']);
      await b.join('two');
      io.emit('all', 1);
      io.to('two').emit('two', 2);
      io.to(['one', 'two']).except('one').emit('not one', 3);
      io.except('two').emit('not two', 4);
      a.to('two').emit('others', 5);
      a.broadcast.emit('broadcast', 6);
      c.to(a.id).emit('direct', 7);
      io.local.to('two').emit('local', 8);
      a.emit('own', 9);
      io.in('nowhere').emit('nobody', 10);
    },
  ],
  [
    'events in the order in which they are emitted',
    ({ io, sockets: [a] }) => {
      for (let n = 0; n < 10; n++) {
        io.emit('io', n);
        a.emit('socket', n);
        io.local.emit('local', n);
        a.broadcast.emit('broadcast', n);
      }
    },
  ],
  [
    'an app that tells the rooms of a socket that it leaves',
    async (stage) => {
      await stage.sockets[0].join('one');
      await stage.sockets[1].join('one');
      tell(stage);
    },
  ],
  [
    'the same while a socket is disconnecting',
    async (stage) => {
      const [a, b] = stage.sockets;
      await a.join('one');
      await b.join('one');
      a.on('disconnecting', () => tell(stage));
      a.disconnect();
    },
  ],
  [
    'socket.leaveAll(), and events afterwards',
    async ({ io, sockets: [a, b] }) => {
      await a.join('one');
      await b.join('one');
      (a as unknown as { leaveAll(): void }).leaveAll();
      io.to('one').emit('one', 1);
      io.emit('all', 2);
      a.emit('own', 3);
      io.to(a.id).emit('direct', 4);
    },
  ],
  [
    'socketsJoin, socketsLeave and disconnectSockets',
    async ({ io, sockets: [a] }) => {
      io.local.socketsJoin(['one', 'two']);
      io.local.in(a.id).socketsLeave('one');
      io.to('one').emit('one', 1);
      io.local.in(a.id).disconnectSockets();
      io.to('two').emit('two', 2);
    },
  ],
  [
    '1,000 volatile events in one tick',
    ({ io }) => {
      for (let n = 0; n < 1_000; n++) io.volatile.emit('n', n);
    },
  ],
  [
    'a volatile event behind another in one tick',
    ({ io, sockets: [a] }) => {
      a.emit('first', 1);
      io.volatile.emit('second', 2);
    },
  ],
  [
    'binary and no arguments at all',
    ({ io, sockets: [a] }) => {
      io.emit('bare');
      io.emit('bytes', Buffer.from('abc'), { nested: Buffer.from('d') });
      a.compress(false).emit('several', 1, null, undefined, [2]);
    },
  ],
  ['reserved event names', ({ io }) => io.emit('connect')],
  [
    'listeners for outgoing events',
    ({ io, sockets: [a] }) => {
      const seen: unknown[] = [];
      a.onAnyOutgoing((...args: unknown[]) => seen.push(args));
      io.emit('all', 1);
      a.emit('own', 2);
      io.local.emit('local', 3);
      return seen;
    },
  ],
  [
    'acknowledgements of local sockets',
    async ({ io, clients }) => {
      for (const { socket } of clients)
        socket.on('ask', (n: number, ack: (n: number) => void) => ack(n + 1));
      return (await io.local.timeout(5_000).emitWithAck('ask', 1)) as unknown;
    },
  ],
];

describe('Socket.IO with this library behaves as with its own adapter:', () => {
  const stages: Stage[] = [];
  afterEach(async () => {
    await Promise.all(stages.splice(0).map((stage) => stage.close()));
  });

  it.each(scripts)('%s', async (_, script) => {
    const [theirs, own] = [await plain(), await ours()];
    stages.push(theirs, own);

    expect(await observe(own, script)).toEqual(await observe(theirs, script));
  });
});
