import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server, Socket } from 'socket.io';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

const NUMBERS = Array.from({ length: 200 }, (_, index) => index);

@WebSocketGateway()
class RootGateway {
  @WebSocketServer() private readonly server!: Server;

  @SubscribeMessage('both')
  both(client: Socket): void {
    for (const number of NUMBERS) {
      this.server.emit('step', `${number} to all`);
      client.emit('step', `${number} to me`);
    }
  }
}

describe.each(['Redis', 'InMemoryPubSub'])('the order of events, over %s', (transport) => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());
  const start = async (): Promise<void> => {
    const builder = givenCluster().of(2).with(RootGateway);
    cluster = await (transport === 'Redis' ? builder : builder.onInMemoryPubSub()).start();
  };

  it('is that of the calls of one sender to one user', async () => {
    await start();
    const clients = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice', transports: ['polling'] }),
    ];
    const { propagator } = cluster.instance(0);

    await Promise.all(
      NUMBERS.map((data) => propagator.emitToUser({ userId: 'alice', event: 'n', data })),
    );

    await cluster.settled(...clients);
    for (const client of clients) expect(client.data('n')).toEqual(NUMBERS);
  });

  // Only with a single Redis; `settled()` of these tests relies on it.
  it('is that of the calls of one sender to different targets, too', async () => {
    await start();
    const [alice] = [await cluster.instance(1).connect({ token: 'alice' })];
    const { propagator } = cluster.instance(0);

    await Promise.all(
      NUMBERS.map((data) => {
        if (data % 3 === 0) return propagator.emitToAll({ event: 'n', data });
        if (data % 3 === 1) return propagator.emitToAuthenticated({ event: 'n', data });
        return propagator.emitToUser({ userId: 'alice', event: 'n', data });
      }),
    );

    await cluster.settled(alice);
    expect(alice.data('n')).toEqual(NUMBERS);
  });

  // An adapter that publishes before it delivers locally would swap the two.
  it('is kept between io.emit and socket.emit', async () => {
    await start();
    const origin = await cluster.instance(0).connect();
    const other = await cluster.instance(1).connect();

    origin.emit('both');

    await origin.waitFor('step', 2 * NUMBERS.length);
    await cluster.settled(origin, other);
    expect(origin.data('step')).toEqual(NUMBERS.flatMap((n) => [`${n} to all`, `${n} to me`]));
    expect(other.data('step')).toEqual(NUMBERS.map((n) => `${n} to all`));
  });
});
