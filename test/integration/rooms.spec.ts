import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import { AUTHENTICATED_ROOM, userRoom, type AuthenticatedSocket } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients } from '../support/sample-clients.js';

@WebSocketGateway()
class RoomsGateway {
  @WebSocketServer() readonly server!: Server;

  /** Joins any room that the client names, as many apps do and few should. */
  @SubscribeMessage('join')
  async join(client: AuthenticatedSocket, room: string | string[]): Promise<boolean> {
    await client.join(room);
    return true;
  }

  @SubscribeMessage('leave')
  async leave(client: AuthenticatedSocket, room: string): Promise<boolean> {
    await client.leave(room);
    return true;
  }

  @SubscribeMessage('send')
  send(client: AuthenticatedSocket, room: string): boolean {
    return client.to(room).emit('sent', room);
  }
}

describe('rooms', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());
  const serverOf = (index: number): Server => cluster.instance(index).app.get(RoomsGateway).server;

  it('reach their sockets on all instances by Socket.IO’s own API, and no others', async () => {
    cluster = await givenCluster().of(2).with(RoomsGateway).start();
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);
    const members = [...others, ...anonymous];
    for (const client of members) await client.ask('join', ['lobby', 'hall']);

    serverOf(0).to('lobby').emit('one', 1);
    serverOf(1).to(['lobby', 'hall']).emit('several', 2);
    serverOf(1).to('lobby').except('hall').emit('none', 3);
    serverOf(0).except('hall').emit('the rest', 4);
    serverOf(1).local.to('lobby').emit('local', 5);
    await members[0]?.ask('send', 'lobby');

    await cluster.settled(...everybody);
    const events = everybody.map((client) => client.events.sort());
    const member = ['one', 'several'];
    expect(
      Object.fromEntries(everybody.map((client, index) => [client.id, events[index]])),
    ).toEqual({
      [origin.id]: ['the rest'],
      [others[0]?.id ?? '']: member,
      [others[1]?.id ?? '']: ['local', ...member, 'sent'].sort(),
      [bobs[0]?.id ?? '']: ['the rest'],
      [bobs[1]?.id ?? '']: ['the rest'],
      [anonymous[0]?.id ?? '']: [...member, 'sent'].sort(),
      [anonymous[1]?.id ?? '']: ['local', ...member, 'sent'].sort(),
    });
  });

  // Events published right after `join` must not be missed.
  it('get events sent as soon as join has resolved', async () => {
    cluster = await givenCluster().of(2).with(RoomsGateway).start();
    const client = await cluster.instance(1).connect();

    for (let round = 0; round < 30; round++) {
      await client.ask('join', `room ${round}`);
      serverOf(0).to(`room ${round}`).emit('x', round);
    }

    await cluster.settled(client);
    expect(client.data('x')).toEqual(Array.from({ length: 30 }, (_, round) => round));
  });

  it('of users and of all authenticated sockets reach them by Socket.IO’s own API', async () => {
    cluster = await givenCluster().of(2).with(RoomsGateway).start();
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);

    serverOf(1).to(userRoom('alice')).emit('user', 1);
    serverOf(1).to(AUTHENTICATED_ROOM).except(userRoom('bob')).emit('authenticated', 2);
    serverOf(0)
      .to([userRoom('alice'), userRoom('bob')])
      .emit('users', 3);

    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) {
      expect(client.events.sort()).toEqual(['authenticated', 'user', 'users']);
    }
    for (const client of bobs) expect(client.events.sort()).toEqual(['users']);
    for (const client of anonymous) expect(client.events.sort()).toEqual([]);
  });

  it('of other users cannot be entered by name', async () => {
    cluster = await givenCluster().of(2).with(RoomsGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const mallory = await a.connect({ token: 'mallory' });
    const nobody = await a.connect();
    for (const spy of [mallory, nobody]) {
      await spy.ask('join', userRoom('alice'));
      await spy.ask('join', ['lobby', userRoom('alice'), userRoom('bob')]);
    }
    await nobody.ask('join', AUTHENTICATED_ROOM);
    serverOf(0).socketsJoin(userRoom('alice'));

    const receipt = await b.propagator.emitToUser({ userId: 'alice', event: 'secret' });
    await a.propagator.emitToUser({ userId: 'alice', event: 'secret' });
    await b.propagator.emitToAuthenticated({ event: 'for the known' });
    serverOf(1).to(userRoom('alice')).emit('secret');

    expect(receipt).toEqual({ localSockets: 0, remoteInstances: 0, reached: false });
    await cluster.settled(mallory, nobody);
    expect(mallory.events).toEqual(['for the known']);
    expect(nobody.received).toEqual([]);
    expect(
      cluster.logger.matching(/^warn room\.reserved: socket .* was kept out of room/).length,
    ).toBeGreaterThan(0);
  });

  // A room of this name would hide the real members.
  it('of the own user are not entered by name either, and reach all members as before', async () => {
    cluster = await givenCluster().of(1).with(RoomsGateway).start();
    const first = await cluster.instance(0).connect({ token: 'alice' });
    const second = await cluster.instance(0).connect({ token: 'alice' });
    const rooms: string[] = [];
    serverOf(0)
      .of('/')
      .adapter.on('create-room', (room: string) => rooms.push(room));

    await first.ask('join', [AUTHENTICATED_ROOM, userRoom('alice')]);
    await cluster.instance(0).propagator.emitToAuthenticated({ event: 'authenticated' });
    await cluster.instance(0).propagator.emitToUser({ userId: 'alice', event: 'user' });
    await cluster.settled(first, second);

    for (const client of [first, second]) expect(client.events).toEqual(['authenticated', 'user']);
    expect(rooms).toEqual([]);
    expect([...(serverOf(0).sockets.sockets.get(first.id)?.rooms ?? [])]).toEqual([first.id]);
  });

  it('of the own user cannot be left by name', async () => {
    cluster = await givenCluster().of(2).with(RoomsGateway).start();
    const alice = await cluster.instance(0).connect({ token: 'alice' });
    await alice.ask('leave', userRoom('alice'));
    await alice.ask('leave', AUTHENTICATED_ROOM);
    serverOf(0).socketsLeave([userRoom('alice'), AUTHENTICATED_ROOM]);

    await cluster.instance(1).propagator.emitToUser({ userId: 'alice', event: 'user' });
    await cluster.instance(1).propagator.emitToAuthenticated({ event: 'authenticated' });

    await cluster.settled(alice);
    expect(alice.events).toEqual(['user', 'authenticated']);
  });

  it('have no sockets any more once those have left', async () => {
    cluster = await givenCluster().of(2).with(RoomsGateway).start();
    const client = await cluster.instance(1).connect();
    await client.ask('join', 'lobby');
    await client.ask('leave', 'lobby');

    serverOf(0).to('lobby').emit('x');
    serverOf(1).to('lobby').emit('x');

    await cluster.settled(client);
    expect(client.received).toEqual([]);
  });
});

describe('outgoing listeners', () => {
  it('see every event sent to a socket, from this instance and from others', async () => {
    const cluster = await givenCluster().of(2).with(RoomsGateway).start();
    const client = await cluster.instance(1).connect({ token: 'alice' });
    const seen: unknown[] = [];
    const { server } = cluster.instance(1).app.get(RoomsGateway);
    for (const socket of server.sockets.sockets.values()) {
      socket.onAnyOutgoing((...args: unknown[]) => seen.push(args));
      socket.onAnyOutgoing(() => {
        throw new Error('a listener of the app');
      });
    }

    await cluster
      .instance(0)
      .propagator.emitToUser({ userId: 'alice', event: 'far', data: { n: 1 } });
    await client.waitFor('far');
    await cluster.instance(1).propagator.emitToAll({ event: 'near', data: Buffer.from('x') });
    await client.waitFor('near');
    server.emit('two arguments', 1, 2);
    await client.waitFor('two arguments');

    expect(seen).toEqual([
      ['far', { n: 1 }],
      ['near', Buffer.from('x')],
      ['two arguments', 1, 2],
    ]);
    expect(client.received.map(({ args }) => args)).toEqual([
      [{ n: 1 }],
      [Buffer.from('x')],
      [1, 2],
    ]);
    await cluster.close();
  });
});
