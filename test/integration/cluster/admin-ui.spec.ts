import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instrument } from '@socket.io/admin-ui';
import { untilMembersKnown } from '../../support/members.js';
import { inAnyOrder } from '../../support/events-of.js';
import { untilDisconnected } from '../../support/until-disconnected.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

interface Stats {
  serverId: string;
  clientsCount: number;
}

interface SeenSocket {
  id: string;
  nsp: string;
  data: unknown;
}

describe('Socket.IO’s admin UI, connected to one of two instances,', () => {
  let cluster: TestCluster;
  let near: TestClient;
  let far: TestClient;
  let admin: TestClient;
  beforeEach(async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    for (const index of [0, 1]) {
      instrument(serverOf(cluster, index), {
        auth: false,
        mode: 'development',
        serverId: `server ${index}`,
      });
    }
    await untilMembersKnown(cluster);
    near = await cluster.instance(0).connect({ token: 'alice' });
    far = await cluster.instance(1).connect({ token: 'bob' });
    admin = await cluster.instance(0).connect({ namespace: '/admin' });
  });
  afterEach(() => cluster.close());
  const latest = (server: string): Stats | undefined =>
    (admin.data('server_stats') as Stats[]).findLast(({ serverId }) => serverId === server);

  it('shows the statistics of both servers', async () => {
    await until(
      () => latest('server 0')?.clientsCount === 2 && latest('server 1')?.clientsCount === 1,
      () => `both statistics, got ${JSON.stringify(admin.data('server_stats'))}`,
    );
    expect(latest('server 1')).toMatchObject({
      namespaces: expect.arrayContaining([
        { name: '/', socketsCount: 1 },
        { name: '/admin', socketsCount: 0 },
      ]),
    });
  });

  it('shows the sockets of both servers and their events, also sockets that connect later', async () => {
    const [sockets] = (await admin.waitFor('all_sockets')) as [SeenSocket[]];
    expect(inAnyOrder(sockets.map(({ id, nsp }) => ({ id, nsp })))).toEqual(
      inAnyOrder([
        { id: near.id, nsp: '/' },
        { id: far.id, nsp: '/' },
        { id: admin.id, nsp: '/admin' },
      ]),
    );

    const later = await cluster.instance(1).connect();
    const { id: laterId } = later;
    await later.ask('join', 'lobby');
    later.close();

    await admin.waitFor('socket_disconnected');
    expect((admin.data('socket_connected') as SeenSocket[]).map(({ id }) => id)).toContain(laterId);
    const joined = admin.received.filter(({ event }) => event === 'room_joined');
    expect(joined.map(({ args }) => args.slice(0, 3))).toContainEqual(['/', 'lobby', laterId]);
  });

  it('makes sockets of the other server join rooms, get events, leave and disconnect', async () => {
    await admin.waitFor('config');

    admin.emit('join', '/', 'lobby', far.id);
    await until(
      async () => (await serverOf(cluster, 1).in('lobby').fetchSockets()).length === 1,
      () => 'the socket to join',
    );
    admin.emit('emit', '/', 'lobby', 'hello', 1);
    expect(await far.waitFor('hello')).toEqual([1]);
    admin.emit('leave', '/', 'lobby', far.id);
    await until(
      async () => (await serverOf(cluster, 1).in('lobby').fetchSockets()).length === 0,
      () => 'the socket to leave',
    );
    admin.emit('_disconnect', '/', false, far.id);

    await untilDisconnected(far);
    await cluster.settled(near);
    expect(near.received).toEqual([]);
    expect(near.socket.connected).toBe(true);
  });
});
