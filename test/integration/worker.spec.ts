import { Controller, Injectable, Param, Post } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PropagatorError, RedisPropagatorService, SocketStateService } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients } from '../support/sample-clients.js';

@WebSocketGateway()
class RootGateway {}

@Injectable()
class OrdersService {
  constructor(readonly propagator: RedisPropagatorService) {}
}

@Controller()
class AnnouncementsController {
  constructor(private readonly propagator: RedisPropagatorService) {}

  @Post('announce/:text')
  announce(@Param('text') text: string): Promise<object> {
    return this.propagator.emitToAll({ event: 'announcement', data: text });
  }
}

describe('events that are not emitted by a gateway', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  // A worker has no Socket.IO server.
  it('reach the clients of all instances from a worker without gateways', async () => {
    cluster = await givenCluster().of(2).with(RootGateway).start();
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);
    const { propagator } = (await cluster.startWorker(OrdersService)).get(OrdersService);
    const data = { id: 1, pdf: Buffer.from('pdf') };

    const receipts = [
      await propagator.emitToUser({ userId: 'alice', event: 'order', data }),
      await propagator.emitToUser({ userId: 'nobody', event: 'order', data }),
      await propagator.emitToAuthenticated({ event: 'known' }),
      await propagator.emitToAll({ event: 'all' }),
    ];

    const reached = { localSockets: 0, remoteInstances: 2, reached: true };
    const lost = { localSockets: 0, remoteInstances: 0, reached: false };
    expect(receipts).toEqual([reached, lost, reached, reached]);
    await Promise.all(everybody.map((client) => client.waitFor('all')));
    for (const client of [origin, ...others]) {
      expect(client.events).toEqual(['order', 'known', 'all']);
      expect(client.data('order')).toEqual([data]);
    }
    for (const client of bobs) expect(client.events).toEqual(['known', 'all']);
    for (const client of anonymous) expect(client.events).toEqual(['all']);
  });

  it('come from a worker without sockets of its own, which refuses the same input', async () => {
    cluster = await givenCluster().of(1).with(RootGateway).start();
    const worker = await cluster.startWorker();

    expect(worker.get(SocketStateService).getAll()).toEqual([]);
    await expect(
      worker.get(RedisPropagatorService).emitToAll({ event: 'disconnect' }),
    ).rejects.toBeInstanceOf(PropagatorError);
  });

  it('reach the clients of other instances from an HTTP request', async () => {
    cluster = await givenCluster()
      .of(3)
      .with(RootGateway)
      .withControllers(AnnouncementsController)
      .start();
    const client = await cluster.instance(0).connect();

    const response = await fetch(`${cluster.instance(1).url}/announce/hello`, { method: 'POST' });

    expect(await response.json()).toEqual({ localSockets: 0, remoteInstances: 1, reached: true });
    await cluster.settled(client);
    expect(client.received).toEqual([{ event: 'announcement', args: ['hello'] }]);
  });
});
