import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ExternalClient } from '../support/external-client.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { Clients, newsOf, untilState } from './support/clients.js';

@WebSocketGateway()
class RootGateway {}

describe('the client, with events of another program and recovery', () => {
  const clients = new Clients();
  let cluster: TestCluster;
  let external: ExternalClient;
  beforeEach(async () => {
    external = new ExternalClient();
    cluster = await givenCluster()
      .of(1)
      .with(RootGateway)
      .configured({ auth: JSON_TOKENS, recovery: {} })
      .start();
  });
  afterEach(async () => {
    external.close();
    clients.close();
    await cluster.close();
  });

  it('gets each of them, equal ones too, once and without an offset', async () => {
    const { url, propagator } = cluster.instance(0);
    const publish = (data: unknown): Promise<number> =>
      external.publish(cluster.channel('user:alice'), { event: 'n', data });
    const socket = clients.connect(url, { getToken: () => tokenFor({ userId: 'alice' }) });
    await untilState(socket, 'connected');
    const got: unknown[][] = [];
    socket.on('n', (...args: unknown[]) => got.push(args));
    const news = newsOf(socket);
    // The offset of every fourth content would be like that of an instance.
    const sent: unknown[] = Array.from({ length: 40 }, (_, i) => i % 20);
    for (const data of sent) await publish(data);
    const arrived = async (data: unknown): Promise<void> => {
      sent.push(data);
      await until(
        () => got.some(([one]) => one === data),
        () => `${String(data)}: ${JSON.stringify(got)}`,
      );
    };
    await publish('last');
    await arrived('last');
    socket.io.engine.close();
    await propagator.emitToUser({ userId: 'alice', event: 'n', data: 'missed' });
    await arrived('missed');
    expect(got).toEqual(sent.map((data) => [data]));
    expect(news).toEqual(['recovered']);
  });
});
