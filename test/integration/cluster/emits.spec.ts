import { afterEach, describe, expect, it } from '@jest/globals';
import { PlainGateway, namespaceOf, serverOf, socketOf } from '../../support/plain-gateway.js';
import { untilDisconnected } from '../../support/until-disconnected.js';
import { PollingClient } from '../../support/polling-client.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

/** The events of each client, in order of arrival. */
function received(clients: readonly TestClient[]): string[][] {
  return clients.map((client) => client.received.map(({ event }) => event));
}

describe.each([1, 3])('Socket.IO’s emits, on %i instances', (size) => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  /** Three clients on different instances; the first two are in `lobby`, the last two in `hall`. */
  const start = async (): Promise<[TestClient, TestClient, TestClient]> => {
    cluster = await givenCluster().of(size).with(PlainGateway).start();
    const connect = (index: number) => cluster.instance(index % size).connect();
    const clients = [await connect(0), await connect(1), await connect(2)] as const;
    await clients[0].ask('join', 'lobby');
    await clients[1].ask('join', ['lobby', 'hall']);
    await clients[2].ask('join', 'hall');
    return [...clients];
  };
  /** An instance that has just started may miss a volatile event: nothing repairs it. */
  const untilReceived = (event: string, clients: readonly TestClient[], emit: () => unknown) =>
    until(
      async () => {
        emit();
        await cluster.settled(...clients);
        return clients.every((client) => client.received.some((each) => each.event === event));
      },
      () => `${event} to reach all clients, got ${JSON.stringify(received(clients))}`,
    );
  /** On another instance than the first one, if there are several. */
  const last = size - 1;

  it('to all reach all clients', async () => {
    const clients = await start();

    serverOf(cluster, last).emit('server');
    serverOf(cluster, 0).of('/').emit('namespace');
    serverOf(cluster, 0).send('a', 'message');

    await cluster.settled(...clients);
    expect(received(clients).map((events) => events.sort())).toEqual(
      clients.map(() => ['message', 'namespace', 'server']),
    );
    expect(clients[2].received.find(({ event }) => event === 'message')?.args).toEqual([
      'a',
      'message',
    ]);
  });

  it('to a room reach its sockets, and to several rooms reach a socket in two of them once', async () => {
    const clients = await start();

    serverOf(cluster, last).to('lobby').emit('lobby');
    serverOf(cluster, last).in('hall').emit('hall');
    serverOf(cluster, last).to(['lobby', 'hall']).emit('both');
    serverOf(cluster, last).to('hall').to('lobby').to('nowhere').emit('chained');
    serverOf(cluster, last).to('nowhere').emit('nobody');

    await cluster.settled(...clients);
    expect(received(clients)).toEqual([
      ['lobby', 'both', 'chained'],
      ['lobby', 'hall', 'both', 'chained'],
      ['hall', 'both', 'chained'],
    ]);
  });

  it('with exceptions leave out the sockets of these rooms', async () => {
    const clients = await start();
    const [a] = clients;

    serverOf(cluster, last).except('lobby').emit('not lobby');
    serverOf(cluster, last).to('lobby').except('hall').emit('only lobby');
    serverOf(cluster, last).except(['lobby', 'hall']).emit('nobody');
    serverOf(cluster, last).except(a.id).except('nowhere').emit('not a');
    serverOf(cluster, last).to(['lobby', 'hall']).except([a.id]).emit('not a again');

    await cluster.settled(...clients);
    expect(received(clients)).toEqual([
      ['only lobby'],
      ['not a', 'not a again'],
      ['not lobby', 'not a', 'not a again'],
    ]);
  });

  it('to a socket id reach that socket on any instance', async () => {
    const clients = await start();
    const [a, b, c] = clients;

    for (const [index, client] of clients.entries()) {
      serverOf(cluster, last).to(client.id).emit(`to ${index}`);
    }
    serverOf(cluster, last).to([a.id, c.id, a.id]).emit('to two');

    await cluster.settled(...clients);
    expect(received([a, b, c])).toEqual([['to 0', 'to two'], ['to 1'], ['to 2', 'to two']]);
  });

  it('of a socket reach the others, never itself', async () => {
    const clients = await start();
    const [, b] = clients;
    const socket = socketOf(cluster, b.id);

    socket.broadcast.emit('broadcast');
    socket.to('lobby').emit('to lobby');
    socket.in(['lobby', 'hall']).emit('to both');
    socket.except('hall').emit('except hall');
    socket.broadcast.to('hall').emit('broadcast to hall');
    socket.emit('itself');

    await cluster.settled(...clients);
    expect(received(clients)).toEqual([
      ['broadcast', 'to lobby', 'to both', 'except hall'],
      ['itself'],
      ['broadcast', 'to both', 'broadcast to hall'],
    ]);
  });

  it('accept room names that are numbers', async () => {
    const clients = await start();
    const [a, b] = clients;
    await a.ask('join', 5);
    await b.ask('join', '5');

    serverOf(cluster, last)
      .to(5 as never)
      .emit('number');
    serverOf(cluster, last).to('5').emit('text');

    await cluster.settled(...clients);
    expect(received(clients)).toEqual([['number', 'text'], ['number', 'text'], []]);
  });

  it('carry any number of arguments, text of any script, and binary data', async () => {
    const clients = await start();
    const bytes = Buffer.from([0, 1, 254, 255]);

    serverOf(cluster, last)
      .to('hall')
      .emit('args', 1, null, { deep: ['Grüße 🎉', { x: bytes }] }, bytes);
    serverOf(cluster, last).emit('none');

    await cluster.settled(...clients);
    const [a, b, c] = clients;
    expect(a.received).toEqual([{ event: 'none', args: [] }]);
    for (const client of [b, c]) {
      expect(client.received).toEqual([
        { event: 'args', args: [1, null, { deep: ['Grüße 🎉', { x: bytes }] }, bytes] },
        { event: 'none', args: [] },
      ]);
    }
  });

  it('with the flags volatile and compress reach clients that are ready', async () => {
    const clients = await start();
    await untilReceived('volatile', clients.slice(0, 2), () =>
      serverOf(cluster, last).volatile.to('lobby').emit('volatile'),
    );
    serverOf(cluster, last).compress(false).emit('uncompressed');
    await cluster.settled(...clients);
    serverOf(cluster, last).volatile.compress(true).except('lobby').emit('both');

    await cluster.settled(...clients);
    const events = received(clients).map((each) => Array.from(new Set(each)));
    expect(events).toEqual([
      ['volatile', 'uncompressed'],
      ['volatile', 'uncompressed'],
      ['uncompressed', 'both'],
    ]);
  });

  it('with the flag volatile skip clients that are not ready', async () => {
    const clients = await start();
    const poller = await PollingClient.connect(cluster.instance(0).url);

    await untilReceived('volatile', clients, () =>
      serverOf(cluster, last).volatile.emit('volatile'),
    );
    serverOf(cluster, last).emit('kept');

    await cluster.settled(...clients);
    const packets: string[] = [];
    while (!packets.some((packet) => packet.includes('kept')))
      packets.push(...(await poller.poll()));
    expect(packets.filter((packet) => packet.includes('volatile'))).toEqual([]);
    const events = received(clients).map((each) => Array.from(new Set(each)));
    expect(events).toEqual(clients.map(() => ['volatile', 'kept']));
  });

  it('in a namespace stay in it', async () => {
    const clients = await start();
    serverOf(cluster, 0).of('/chat');
    serverOf(cluster, last).of('/chat');
    const chatter = await cluster.instance(last).connect({ namespace: '/chat' });

    namespaceOf(cluster, 0, '/chat').emit('chat');
    namespaceOf(cluster, 0).emit('root');

    await cluster.settled(...clients, chatter);
    expect(received([...clients, chatter])).toEqual([['root'], ['root'], ['root'], ['chat']]);
  });

  it('arrive at local clients in the order of the calls, together with those of the socket itself', async () => {
    const clients = await start();
    const [a] = clients;
    const socket = socketOf(cluster, a.id);

    socket.emit('1');
    serverOf(cluster, 0).emit('2');
    socket.emit('3', Buffer.from('binary'));
    serverOf(cluster, 0).to('lobby').emit('4', Buffer.from('binary'));
    serverOf(cluster, 0).to([a.id, 'lobby']).emit('5');
    socket.emit('6');

    await cluster.settled(...clients);
    expect(received([a])).toEqual([['1', '2', '3', '4', '5', '6']]);
  });
});

describe('Socket.IO’s local flag', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('keeps events, rooms, disconnects and replies on the instance', async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const near = await cluster.instance(0).connect();
    const far = await cluster.instance(1).connect();
    const server = serverOf(cluster, 0);

    server.local.emit('local');
    server.local.to([near.id, far.id]).emit('local to room');
    server.local.socketsJoin('entered');
    server.to('entered').emit('entered');
    server.local.socketsLeave('entered');
    server.to('entered').emit('left');
    expect((await server.local.fetchSockets()).map(({ id }) => id)).toEqual([near.id]);
    near.socket.on('question', (answer: (text: string) => void) => answer('near'));
    far.socket.on('question', (answer: (text: string) => void) => answer('far'));
    expect(await server.local.emitWithAck('question')).toEqual(['near']);

    await cluster.settled(near, far);
    expect(near.received.map(({ event }) => event)).toEqual([
      'local',
      'local to room',
      'entered',
      'question',
    ]);
    expect(far.received).toEqual([]);

    server.local.disconnectSockets();
    await untilDisconnected(near);
    await cluster.settled(far);
    expect(far.socket.connected).toBe(true);
  });
});
