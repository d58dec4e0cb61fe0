import { WebSocketGateway, WebSocketServer, type OnGatewayInit } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import { untilMembersKnown } from '../support/members.js';
import { Deferred } from '../support/deferred.js';
import { untilDisconnected } from '../support/until-disconnected.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

/** Longer than any test: a test that waits for it fails. */
const TIMEOUT_MS = 600_000;

@WebSocketGateway()
class EventsGateway implements OnGatewayInit {
  @WebSocketServer() readonly server!: Server;

  afterInit(): void {
    this.server.on('connect', (socket) => {
      if (socket.data.userId === 'unwelcome') socket.disconnect();
    });
  }
}

describe('a socket that disconnects', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await givenCluster().of(2).with(EventsGateway).start();
    await untilMembersKnown(cluster);
  });
  afterEach(() => cluster.close());

  it('is no longer awaited by requests, here and on other instances', async () => {
    const devices = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice' }),
    ];
    const ids = devices.map(({ id }) => id).sort();
    const asked = cluster
      .instance(0)
      .propagator.requestUser({ userId: 'alice', event: 'question', timeoutMs: TIMEOUT_MS });
    await Promise.all(devices.map((device) => device.waitFor('question')));

    for (const device of devices) device.close();

    const { items, unanswered, missing, complete } = await asked;
    expect({ items, missing, complete }).toEqual({ items: [], missing: [], complete: true });
    expect([...unanswered].sort()).toEqual(ids);
  });

  it('keeps requests waiting for the replies of the others', async () => {
    const leaving = await cluster.instance(1).connect({ token: 'alice' });
    const staying = await cluster.instance(1).connect({ token: 'alice' });
    const answerable = new Deferred<(text: string) => void>();
    staying.socket.on('question', answerable.resolve);
    const { id } = leaving;
    const asked = cluster
      .instance(0)
      .propagator.requestUser({ userId: 'alice', event: 'question', timeoutMs: TIMEOUT_MS });
    await Promise.all([leaving, staying].map((device) => device.waitFor('question')));

    leaving.close();
    await until(
      () => cluster.instance(1).state.socketCount === 1,
      () => 'the device to be gone',
    );
    (await answerable.promise)('here');

    const { items, unanswered } = await asked;
    expect(items.map((item) => item.answer)).toEqual(['here']);
    expect(unanswered).toEqual([id]);
  });

  it('before the gateway has seen it is never reported', async () => {
    const instance = cluster.instance(0);

    const client = await instance.connect({ token: 'unwelcome' });
    await untilDisconnected(client);

    expect(instance.state.userCount).toBe(0);
    expect(instance.state.socketCount).toBe(0);
    await until(
      async () =>
        !(await instance.propagator.emitToUser({ userId: 'unwelcome', event: 'x' })).reached,
      () => 'the user to be offline',
    );
  });
});
