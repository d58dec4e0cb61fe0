import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server, Socket } from 'socket.io';
import { ClusterService } from '../../../src/index.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

@WebSocketGateway()
class RoomsGateway {
  @WebSocketServer() server!: Server;

  @SubscribeMessage('join')
  async join(client: Socket, room: string): Promise<string> {
    await client.join(room);
    return 'joined';
  }
}

function server(cluster: TestCluster, index: number): Server {
  return cluster.instance(index).app.get(RoomsGateway).server;
}

async function known(cluster: TestCluster): Promise<void> {
  for (const { app } of cluster.instances) {
    await until(
      () => app.get(ClusterService).members().length === cluster.instances.length,
      () => 'all members to know each other',
    );
  }
}

describe('three instances', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('do what one does', async () => {
    cluster = await givenCluster().of(3).with(RoomsGateway).start();
    await known(cluster);
    const clients = [];
    for (let i = 0; i < 3; i++) clients.push(await cluster.instance(i).connect({ token: `u${i}` }));
    const [a, b, c] = clients as [never, never, never] as any;
    await a.ask('join', 'x');
    await b.ask('join', 'x');
    server(cluster, 2).to('x').emit('hi', 1);
    server(cluster, 2).except('x').emit('hi', 2);
    server(cluster, 0).to(a.id).emit('hi', 3);
    server(cluster, 0).to(c.id).emit('hi', 4);
    server(cluster, 1).to(['x', c.id]).emit('hi', 5);
    await cluster.settled(a, b, c);
    expect(a.data('hi').sort()).toEqual([1, 3, 5]);
    expect(b.data('hi').sort()).toEqual([1, 5]);
    expect(c.data('hi').sort()).toEqual([2, 4, 5]);

    const sockets = await server(cluster, 2).fetchSockets();
    expect(sockets.map((s) => s.id).sort()).toEqual([a.id, b.id, c.id].sort());
    for (const client of clients)
      client.socket.on('q', (n: number, ack: (x: unknown) => void) => ack(n + 1));
    expect(await server(cluster, 0).timeout(1000).emitWithAck('q', 1)).toEqual([2, 2, 2]);
    expect(await server(cluster, 0).to('x').timeout(1000).emitWithAck('q', 1)).toEqual([2, 2]);
    expect(await server(cluster, 0).to('nobody').emitWithAck('q', 1)).toEqual([]);
    const remote = sockets.find((s) => s.id === a.id)!;
    expect(await remote.timeout(1000).emitWithAck('q', 5)).toEqual(6);

    server(cluster, 2).in('x').socketsJoin('y');
    server(cluster, 2).to('y').emit('hi', 6);
    await cluster.settled(a, b, c);
    expect(a.data('hi').sort()).toEqual([1, 3, 5, 6]);
    expect(b.data('hi').sort()).toEqual([1, 5, 6]);
    for (const i of [0, 1])
      server(cluster, i).on('ping', (n: number, cb: (x: unknown) => void) => cb(n * 10 + i));
    expect((await server(cluster, 2).serverSideEmitWithAck('ping', 1)).sort()).toEqual([10, 11]);
    const p = cluster.instance(1).propagator;
    expect(await p.requestUser({ userId: 'u0', event: 'q', data: 1 })).toMatchObject({
      items: [{ socketId: a.id, answer: 2 }],
      unanswered: [],
      missing: [],
      complete: true,
    });
    expect(await p.joinUser('u2', 'z')).toEqual({ count: 1, missing: [], complete: true });
    expect(await p.emitToRoom({ room: 'z', event: 'hi', data: 7 })).toEqual({
      localSockets: 0,
      remoteInstances: 1,
      reached: true,
    });
    expect((await p.fetchUserSockets('u2')).items[0]).toMatchObject({
      id: c.id,
      rooms: [c.id, 'z'],
      data: { userId: 'u2' },
    });
    const gone = new Promise((r) => a.socket.on('disconnect', r));
    expect(await p.disconnectUser('u0', { reason: 'bye' })).toMatchObject({ count: 1 });
    await gone;
    expect(a.data('propagator:disconnect')).toEqual([{ reason: 'bye' }]);
  });
});
