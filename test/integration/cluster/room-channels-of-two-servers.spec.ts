import type { Provider } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuthenticatedSocket } from '../../../src/index.js';
import { Outside } from '../../support/outside.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { quietPort } from '../../support/quiet-port.js';
import { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

/** A gateway with a server on a port of its own, which Nest wants to know when the class is written. */
function gatewayOn(port: number): Provider {
  @WebSocketGateway(port)
  class OwnPortGateway {
    @SubscribeMessage('join')
    async join(client: AuthenticatedSocket, room: string): Promise<boolean> {
      await client.join(room);
      return true;
    }
  }
  return OwnPortGateway;
}

describe('two servers of one instance', () => {
  let cluster: TestCluster;
  let outside: Outside;
  let onOwnPort: TestClient | undefined;
  beforeEach(() => {
    outside = new Outside();
  });
  afterEach(async () => {
    onOwnPort?.close();
    outside.close();
    await cluster.close();
  });

  it('share the channel of a room, which stays until both have left it', async () => {
    const port = await quietPort();
    cluster = await givenCluster().of(1).with(PlainGateway, gatewayOn(port)).start();
    const channel = cluster.channel('room:lobby');
    const subscribers = async (): Promise<unknown> =>
      (await outside.redis.pubsub('NUMSUB', channel))[1];
    const onAppPort = await cluster.instance(0).connect();
    const own = (onOwnPort = await TestClient.connect(`http://127.0.0.1:${port}`));

    await onAppPort.ask('join', 'lobby');
    await own.ask('join', 'lobby');
    expect(await subscribers()).toBe(1);
    await outside.publish(channel, { event: 'x', data: 'both' });
    await Promise.all([onAppPort, own].map((client) => client.waitFor('x')));
    serverOf(cluster, 0).to('lobby').emit('x', 'both again');
    await cluster.settled(onAppPort, own);

    await onAppPort.ask('leave', 'lobby');
    expect(await outside.publish(channel, { event: 'x', data: 'one' })).toBe(1);
    await own.waitFor('x', 3);
    own.close();
    await until(
      async () => (await subscribers()) === 0,
      () => 'the channel to be given back',
    );

    await cluster.settled(onAppPort);
    expect(onAppPort.data('x')).toEqual(['both', 'both again']);
    expect(own.data('x')).toEqual(['both', 'both again', 'one']);
  });
});
