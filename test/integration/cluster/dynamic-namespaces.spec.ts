import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuthenticatedSocket } from '../../../src/index.js';
import { untilMembersKnown } from '../../support/members.js';
import { Deferred } from '../../support/deferred.js';
import { ExternalClient } from '../../support/external-client.js';
import { serversWith } from '../../support/servers-with.js';
import { namespaceOf, PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import type { ConnectOptions } from '../../support/test-client.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

@WebSocketGateway({ namespace: /^\/tenant-\w+$/ })
class TenantGateway {
  @SubscribeMessage('join')
  async join(client: AuthenticatedSocket, room: string): Promise<boolean> {
    await client.join(room);
    return true;
  }
}

describe('a dynamic namespace', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  beforeEach(async () => {
    external = new ExternalClient();
    cluster = await givenCluster()
      .of(3)
      .with(TenantGateway, PlainGateway)
      .prepared(serversWith({ cleanupEmptyChildNamespaces: true }))
      .start();
    await untilMembersKnown(cluster);
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });
  const connect = (index: number, namespace: string, options: ConnectOptions = {}) =>
    cluster.instance(index).connect({ namespace, ...options });
  const hasNamespace = (index: number, name: string): boolean =>
    serverOf(cluster, index)._nsps.has(name);

  it('supports all kinds of events, on all instances', async () => {
    const a = await connect(0, '/tenant-a', { token: 'alice' });
    const b = await connect(1, '/tenant-a');
    const other = await connect(2, '/tenant-b', { token: 'alice' });
    await a.ask('join', 'lobby');
    const namespace = namespaceOf(cluster, 1, '/tenant-a');

    namespace.emit('all');
    namespace.to('lobby').emit('room');
    namespace.except('lobby').emit('others');
    await cluster
      .instance(2)
      .propagator.of('/tenant-a')
      .emitToUser({ userId: 'alice', event: 'user' });
    a.socket.on('question', (answer: (text: string) => void) => answer('here'));

    expect(await namespace.to('lobby').emitWithAck('question')).toEqual(['here']);
    expect((await namespace.fetchSockets()).map(({ id }) => id).sort()).toEqual(
      [a.id, b.id].sort(),
    );
    await cluster.settled(a, b, other);
    expect(a.received.map(({ event }) => event).sort()).toEqual([
      'all',
      'question',
      'room',
      'user',
    ]);
    expect(b.received.map(({ event }) => event)).toEqual(['all', 'others']);
    expect(other.received).toEqual([]);
  });

  it('is recreated after its last socket has left, and then gets every event once', async () => {
    for (let round = 0; round < 3; round++) {
      const client = await connect(0, '/tenant-a', { token: 'alice' });
      await client.ask('join', 'lobby');
      await cluster.instance(1).propagator.of('/tenant-a').emitToAll({ event: 'all' });
      await cluster
        .instance(1)
        .propagator.of('/tenant-a')
        .emitToRoom({ room: 'lobby', event: 'room' });
      await cluster.settled(client);
      expect(client.received.map(({ event }) => event)).toEqual(['all', 'room']);
      client.close();
      await until(
        () => !hasNamespace(0, '/tenant-a'),
        () => 'the namespace to be closed',
      );
    }
    await until(
      async () => (await external.channels(`${cluster.prefix}:/tenant`)).length === 0,
      () => 'its channels to be given back',
    );
  });

  it('whose name contains a colon is not mistaken for another one', async () => {
    for (const index of [0, 1]) {
      for (const name of ['/a', '/a:room', '/a%3Aroom']) serverOf(cluster, index).of(name);
    }
    const clients = [
      await connect(0, '/a'),
      await connect(0, '/a:room'),
      await connect(0, '/a%3Aroom'),
    ];
    for (const client of clients) {
      const namespace = namespaceOf(cluster, 0, client.namespace);
      await namespace.sockets.get(client.id)?.join(['x', 'room:x']);
    }

    for (const client of clients) {
      namespaceOf(cluster, 1, client.namespace).to('x').emit('x', client.namespace);
      namespaceOf(cluster, 1, client.namespace).to('room:x').emit('room:x', client.namespace);
    }

    await cluster.settled(...clients);
    for (const client of clients) {
      expect(client.received).toEqual([
        { event: 'x', args: [client.namespace] },
        { event: 'room:x', args: [client.namespace] },
      ]);
    }
  });
});

describe('a dynamic namespace that Socket.IO closes while a client is connecting', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  beforeEach(() => {
    external = new ExternalClient();
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });

  it('still serves that client, and is closed with it', async () => {
    const knocking = new Deferred();
    const letIn = new Deferred();
    const authenticate = async (token: string) => {
      if (token !== 'alice') return null;
      knocking.resolve();
      await letIn.promise;
      return { userId: token };
    };
    cluster = await givenCluster()
      .of(2)
      .with(TenantGateway, PlainGateway)
      .configured({ auth: { authenticate } })
      .prepared(serversWith({ cleanupEmptyChildNamespaces: true }))
      .start();
    const [instance] = cluster.instances as [TestInstance];
    const namespace = '/tenant-a';

    const arriving = instance.connect({ namespace, token: 'alice' });
    await knocking.promise;
    // For Socket.IO a refused client is the last one to leave.
    await instance.refusal({ namespace, token: 'bad' });
    letIn.resolve();
    const alice = await arriving;
    await alice.ask('join', 'lobby');

    const { propagator } = cluster.instance(1);
    await propagator.of(namespace).emitToUser({ userId: 'alice', event: 'user' });
    await propagator.of(namespace).emitToRoom({ room: 'lobby', event: 'room' });
    serverOf(cluster, 0).of(namespace).emit('all');
    await alice.waitFor('all');
    await cluster.settled(alice);
    expect(alice.received.map(({ event }) => event).sort()).toEqual(['all', 'room', 'user']);

    alice.close();
    await until(
      async () => (await external.channels(`${cluster.prefix}:/tenant`)).length === 0,
      () => 'the channels to be given back',
    );
  });
});
