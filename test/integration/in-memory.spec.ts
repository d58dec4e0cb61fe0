import { UseInterceptors } from '@nestjs/common';
import {
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type WsResponse,
} from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { from, map, type Observable } from 'rxjs';
import type { Server } from 'socket.io';
import { RedisPropagatorInterceptor } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients } from '../support/sample-clients.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class EventsGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('stream')
  stream(): Observable<WsResponse<number>> {
    return from([1, 2, 3]).pipe(map((data) => ({ event: 'events', data })));
  }
}

describe('without Redis, over InMemoryPubSub', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());
  const start = async (size: number): Promise<void> => {
    cluster = await givenCluster().of(size).with(EventsGateway).onInMemoryPubSub().start();
  };

  it("a user's events reach that user's other sockets on all instances, in order, the origin once", async () => {
    await start(3);
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);

    origin.emit('stream');

    await origin.waitFor('events', 3);
    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) expect(client.data('events')).toEqual([1, 2, 3]);
    for (const client of [...bobs, ...anonymous]) expect(client.received).toEqual([]);
  });

  it('the verbs reach their targets, with exact receipts', async () => {
    await start(2);
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);
    const { propagator } = cluster.instance(0);
    const data = { bytes: Buffer.from([0, 255]) };

    expect([
      await propagator.emitToUser({ userId: 'alice', event: 'user', data }),
      await propagator.emitToAuthenticated({ event: 'known', data }),
      await propagator.emitToAll({ event: 'all', data, exceptSocketId: others[1]?.id ?? '' }),
      await propagator.emitToUser({ userId: 'nobody', event: 'user' }),
    ]).toEqual([
      { localSockets: 2, remoteInstances: 1, reached: true },
      { localSockets: 3, remoteInstances: 1, reached: true },
      { localSockets: 4, remoteInstances: 1, reached: true },
      { localSockets: 0, remoteInstances: 0, reached: false },
    ]);

    await cluster.settled(...everybody);
    const all = (...events: string[]) => events.map((event) => ({ event, args: [data] }));
    expect(origin.received).toEqual(all('user', 'known', 'all'));
    expect(others.map(({ received }) => received)).toEqual([
      all('user', 'known', 'all'),
      all('user', 'known'),
    ]);
    for (const client of bobs) expect(client.received).toEqual(all('known', 'all'));
    for (const client of anonymous) expect(client.received).toEqual(all('all'));
  });

  it('a message from outside and Socket.IO’s own API reach all instances', async () => {
    await start(2);
    const clients = [await cluster.instance(0).connect(), await cluster.instance(1).connect()];
    const bytes = Buffer.from('{"event":"tick","data":1}');

    expect(await cluster.instance(0).pubSub.publish(cluster.channel('all'), bytes)).toBe(2);
    cluster.instance(0).app.get(EventsGateway).server.emit('tock', 2);

    for (const client of clients) {
      await client.waitFor('tick');
      await client.waitFor('tock');
    }
    await cluster.settled(...clients);
    for (const client of clients) expect(client.received).toHaveLength(2);
  });

  it('malformed bytes are dropped and counted', async () => {
    await start(2);
    const client = await cluster.instance(1).connect();

    await cluster.instance(0).pubSub.publish(cluster.channel('all'), Buffer.from('{'));

    await cluster.settled(client);
    expect(client.received).toEqual([]);
    expect(cluster.instance(1).counts).toEqual({ 'message.malformed': 1 });
  });
});
