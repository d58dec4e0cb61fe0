import { afterEach, describe, expect, it } from '@jest/globals';
import { untilMembersKnown } from '../../support/members.js';
import { eventsOf } from '../../support/events-of.js';
import { untilDisconnected } from '../../support/until-disconnected.js';
import { namespaceOf, PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { PATIENCE_MS, until } from '../../support/until.js';

type Acknowledge = (answer?: unknown) => void;

const idsOf = (sockets: Iterable<{ id: string }>): string[] =>
  [...sockets].map(({ id }) => id).sort();

describe.each([1, 3])('the sockets of all, on %i instances,', (size) => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());
  const last = size - 1;

  /** Three clients on different instances; the first two are in `lobby`, the last two in `hall`. */
  const start = async (): Promise<[TestClient, TestClient, TestClient]> => {
    cluster = await givenCluster().of(size).with(PlainGateway).start();
    await untilMembersKnown(cluster);
    const connect = (index: number) =>
      cluster.instance(index % size).connect({ token: `user ${index}` });
    const clients = [await connect(0), await connect(1), await connect(2)] as const;
    await clients[0].ask('join', 'lobby');
    await clients[1].ask('join', ['lobby', 'hall']);
    await clients[2].ask('join', 'hall');
    return [...clients];
  };
  /** The socket of a client, as seen by the last instance. */
  const seen = async (client: TestClient) => {
    const [socket, ...others] = await serverOf(cluster, last).in(client.id).fetchSockets();
    expect(others).toEqual([]);
    if (socket === undefined) throw new Error('no socket');
    return socket;
  };

  it('are found by fetchSockets, by room and without exceptions', async () => {
    const [a, b, c] = await start();
    const server = serverOf(cluster, last);

    expect(idsOf(await server.fetchSockets())).toEqual(idsOf([a, b, c]));
    expect(idsOf(await server.in('lobby').fetchSockets())).toEqual(idsOf([a, b]));
    expect(idsOf(await server.in(['lobby', 'hall']).fetchSockets())).toEqual(idsOf([a, b, c]));
    expect(idsOf(await server.in('lobby').except('hall').fetchSockets())).toEqual([a.id]);
    expect(await server.in('nowhere').fetchSockets()).toEqual([]);
    expect(await server.in(null as never).fetchSockets()).toEqual([]);
    expect(await server.of('/chat').fetchSockets()).toEqual([]);
  });

  it('have their rooms, data and handshake', async () => {
    const [a] = await start();
    const bytes = Buffer.from([1, 2]);
    Object.assign(socketOf(cluster, a.id).data, { level: 7, bytes });

    const { id, rooms, data, handshake } = await seen(a);

    expect(id).toBe(a.id);
    expect([...rooms].filter((room) => !room.startsWith('propagator#')).sort()).toEqual(
      [a.id, 'lobby'].sort(),
    );
    expect(data).toEqual({ userId: 'user 0', level: 7, bytes });
    expect(handshake).toMatchObject({
      xdomain: false,
      secure: false,
      headers: { host: expect.any(String) },
    });
  });

  it('are found by allSockets, on other instances as well', async () => {
    const [a, b, c] = await start();
    const { sockets } = serverOf(cluster, last);

    expect([...(await sockets.allSockets())].sort()).toEqual(idsOf([a, b, c]));
    expect([...(await sockets.in('hall').allSockets())].sort()).toEqual(idsOf([b, c]));
    expect([...(await sockets.in('nowhere').allSockets())]).toEqual([]);
  });

  it('have all rooms of allRooms, without those of this library', async () => {
    const [a, b, c] = await start();
    const adapter = serverOf(cluster, last).sockets.adapter as unknown as {
      allRooms(): Promise<Set<string>>;
    };

    expect([...(await adapter.allRooms())].sort()).toEqual(
      [a.id, b.id, c.id, 'hall', 'lobby'].sort(),
    );
  });

  it('join rooms, and get events sent there immediately afterwards', async () => {
    const [a, b, c] = await start();
    const server = serverOf(cluster, last);

    for (let round = 0; round < 20; round++) {
      server.in('lobby').socketsJoin([`room ${round}`, 'another']);
      server.to(`room ${round}`).emit('x', round);
    }
    server.socketsJoin('everybody');
    server.to('everybody').emit('all');

    await cluster.settled(a, b, c);
    for (const client of [a, b]) {
      expect(client.data('x')).toEqual(Array.from({ length: 20 }, (_, round) => round));
    }
    expect(eventsOf(c)).toEqual(['all']);
  });

  it('leave rooms, and get no events sent there afterwards', async () => {
    const [a, b, c] = await start();
    const server = serverOf(cluster, last);

    server.in('hall').socketsLeave(['lobby', 'nowhere']);
    server.to('lobby').emit('to lobby');
    server.to('hall').emit('to hall');
    server.socketsLeave('hall');
    server.to('hall').emit('nobody');

    await cluster.settled(a, b, c);
    expect([a, b, c].map(eventsOf)).toEqual([['to lobby'], ['to hall'], ['to hall']]);
  });

  it('are disconnected, by room and without exceptions, and with close in their other namespaces, too', async () => {
    const [a, b, c] = await start();
    const chats = [a, b, c].map((client, index) => {
      namespaceOf(cluster, index % size, '/chat');
      return client.socket.io.socket('/chat', { auth: { token: 'x' } }).connect();
    });
    const chatting = (): boolean[] => chats.map(({ connected }) => connected);
    await until(
      () => chatting().every(Boolean),
      () => 'the other namespace',
    );

    serverOf(cluster, last).in('lobby').except('hall').disconnectSockets();
    await untilDisconnected(a);
    await cluster.settled(b, c);
    expect([b.socket.connected, c.socket.connected]).toEqual([true, true]);
    expect(chatting()).toEqual([true, true, true]);

    serverOf(cluster, last).disconnectSockets(true);
    await Promise.all([b, c].map(untilDisconnected));
    await until(
      () => chatting().join() === 'true,false,false',
      () => `the other namespace to go with the connection, got ${chatting().join()}`,
    );
    expect(await serverOf(cluster, last).fetchSockets()).toEqual([]);
  });

  it('each get events, acknowledge them, join, leave and disconnect', async () => {
    const [a, b] = await start();
    const server = serverOf(cluster, last);
    a.socket.on('question', (n: number, answer: Acknowledge) => answer({ n: n + 1 }));
    const socket = await seen(a);

    socket.emit('hello', Buffer.from('x'));
    expect(await socket.timeout(PATIENCE_MS).emitWithAck('question', 1)).toEqual({ n: 2 });
    socket.join(['den', 'cave']);
    server.to('den').emit('in den');
    socket.leave('den');
    server.to('den').emit('not in den');
    server.to('cave').emit('in cave');

    await cluster.settled(a, b);
    expect(eventsOf(a)).toEqual(['hello', 'question', 'in den', 'in cave']);
    expect(a.data('hello')).toEqual([Buffer.from('x')]);
    expect(eventsOf(b)).toEqual([]);
    socket.disconnect(true);
    await untilDisconnected(a);
    expect(b.socket.connected).toBe(true);
  });
});

describe('a socket of another instance', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const start = async (ackTimeoutMs = 200) => {
    cluster = await givenCluster().of(2).with(PlainGateway).configured({ ackTimeoutMs }).start();
    await untilMembersKnown(cluster);
    const client = await cluster.instance(0).connect();
    const [socket] = await serverOf(cluster, 1).fetchSockets();
    if (socket === undefined) throw new Error('no socket');
    const asked = (timeoutMs?: number): Promise<[Error | null, unknown]> =>
      new Promise((resolve) => {
        const callback = (error: Error | null, answer: unknown): void => resolve([error, answer]);
        if (timeoutMs === undefined) socket.emit('question', callback);
        else socket.timeout(timeoutMs).emit('question', callback);
      });
    return { client, asked };
  };
  const timedOut = [new Error('operation has timed out'), null];

  // Without a reply Socket.IO would end at once with an empty list.
  it('that does not reply causes a timeout, the given one or that of the option', async () => {
    const { asked } = await start();

    expect(await asked(100)).toEqual(timedOut);
    expect(await asked()).toEqual(timedOut);
  });

  it('that has left causes a timeout, not an empty reply', async () => {
    const { client, asked } = await start();
    client.close();
    await until(
      async () => (await serverOf(cluster, 0).fetchSockets()).length === 0,
      () => 'the server to notice',
    );

    expect(await asked(100)).toEqual(timedOut);
    expect(await asked()).toEqual(timedOut);
  });

  it('that replies without timeout() is heard', async () => {
    const { client, asked } = await start(20_000);
    client.socket.on('question', (answer: Acknowledge) => answer('here'));

    expect(await asked()).toEqual([null, 'here']);
  });
});
