import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PollingClient } from '../support/polling-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@WebSocketGateway()
class RootGateway {}

describe('a volatile event', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('reaches clients that are ready, on all instances', async () => {
    cluster = await givenCluster().of(2).with(RootGateway).start();
    const clients = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice' }),
    ];

    const receipt = await cluster
      .instance(0)
      .propagator.emitToUser({ userId: 'alice', event: 'cursor', data: 1, volatile: true });

    expect(receipt).toEqual({ localSockets: 1, remoteInstances: 1, reached: true });
    await cluster.settled(...clients);
    for (const client of clients) expect(client.data('cursor')).toEqual([1]);
  });

  it('is not kept for clients that are not ready', async () => {
    cluster = await givenCluster().of(2).with(RootGateway).start();
    const busy = [
      await PollingClient.connect(cluster.instance(0).url),
      await PollingClient.connect(cluster.instance(1).url),
    ];
    const { propagator } = cluster.instance(0);

    await propagator.emitToAll({ event: 'cursor', data: 1, volatile: true });
    await propagator.emitToAll({ event: 'message', data: 2 });

    for (const client of busy) expect(await client.poll()).toEqual(['42["message",2]']);
  });
});
