import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { untilMembersKnown } from '../../support/members.js';
import { untilDisconnected } from '../../support/until-disconnected.js';
import { namespaceOf, PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const all = (count: number) => ({ count, missing: [], complete: true });

const fail = (): never => {
  throw new Error('a listener of the app');
};

describe('a listener of the app that throws', () => {
  let cluster: TestCluster;
  let clients: [TestClient, TestClient, TestClient, TestClient];
  beforeEach(async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    await untilMembersKnown(cluster);
    const connect = (index: number) => cluster.instance(index).connect({ token: 'alice' });
    clients = [await connect(0), await connect(0), await connect(1), await connect(1)];
  });
  afterEach(() => cluster.close());

  /** The first socket of each instance has a faulty listener. */
  const faulty = (): TestClient[] => [clients[0], clients[2]];
  const sound = (): TestClient[] => [clients[1], clients[3]];

  it('when a socket joins or leaves a room does not affect other sockets', async () => {
    const broken = new Set(faulty().map(({ id }) => id));
    const failing = (_: string, id: string): unknown => broken.has(id) && fail();
    const adapters = [0, 1].map((index) => namespaceOf(cluster, index).adapter);
    for (const adapter of adapters) adapter.on('join-room', failing).on('leave-room', failing);
    const { propagator } = cluster.instance(0);

    expect(await propagator.joinUser('alice', 'lobby')).toEqual(all(4));
    await propagator.emitToRoom({ room: 'lobby', event: 'x' });
    expect(await propagator.leaveUser('alice', 'lobby')).toEqual(all(4));
    serverOf(cluster, 1).socketsJoin('hall');
    serverOf(cluster, 1).to('hall').emit('y');
    serverOf(cluster, 1).socketsLeave('hall');

    await cluster.settled(...clients);
    // Otherwise they would break Socket.IO itself when it closes.
    for (const adapter of adapters) adapter.off('join-room', failing).off('leave-room', failing);
    for (const client of sound()) {
      expect(client.received.map(({ event }) => event)).toEqual(['x', 'y']);
    }
    for (const { counts } of cluster.instances) expect(counts).toEqual({ 'listener.failed': 4 });
  });

  it('when a socket is disconnected does not affect other sockets', async () => {
    for (const { id } of faulty()) socketOf(cluster, id).once('disconnecting', fail);

    expect(await cluster.instance(0).propagator.disconnectUser('alice')).toEqual(all(4));

    await Promise.all(sound().map(untilDisconnected));
    for (const { counts } of cluster.instances) expect(counts).toEqual({ 'listener.failed': 1 });
    expect(cluster.logger.matching(/listener\.failed: .*a listener of the app/)).not.toEqual([]);
  });

  it('when Socket.IO’s own API disconnects sockets does not end the process', async () => {
    for (const { id } of faulty()) socketOf(cluster, id).once('disconnecting', fail);

    serverOf(cluster, 1).disconnectSockets();

    await Promise.all(sound().map(untilDisconnected));
    await until(
      () => cluster.instances.every(({ counts }) => counts['listener.failed'] === 1),
      () => 'the fault to be counted',
    );
    expect(await serverOf(cluster, 1).in('nowhere').fetchSockets()).toEqual([]);
  });
});
