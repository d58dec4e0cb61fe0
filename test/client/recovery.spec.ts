import { WebSocketGateway } from '@nestjs/websockets';
import { expect, it } from '@jest/globals';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { givenCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { Clients, newsOf, untilState } from './support/clients.js';

@WebSocketGateway()
class RootGateway {}

it('is recovered on another instance: each event once, in order, without the offset', async () => {
  const clients = new Clients();
  const cluster = await givenCluster()
    .of(2)
    .with(RootGateway)
    .configured({ auth: JSON_TOKENS, recovery: {} })
    .start();
  let url = cluster.instance(0).url;
  const socket = clients.connect(() => url, { getToken: () => tokenFor({ userId: 'alice' }) });
  await untilState(socket, 'connected');
  const got: unknown[][] = [];
  socket.on('n', (...args: unknown[]) => got.push(args));
  const news = newsOf(socket);
  const { propagator } = cluster.instance(1);
  for (let i = 0; i < 5; i++) await propagator.emitToUser({ userId: 'alice', event: 'n', data: i });
  await until(
    () => got.length === 5,
    () => JSON.stringify(got),
  );
  url = cluster.instance(1).url;
  socket.io.engine.close();
  for (let i = 5; i < 10; i++)
    await propagator.emitToUser({ userId: 'alice', event: 'n', data: i });
  await until(
    () => got.length >= 10,
    () => JSON.stringify([got, news]),
  );
  expect(got).toEqual(Array.from({ length: 10 }, (_, i) => [i]));
  expect(news).toEqual(['recovered']);
  clients.close();
  await cluster.close();
});
