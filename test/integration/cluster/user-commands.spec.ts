import { afterEach, describe, expect, it } from '@jest/globals';
import { DISCONNECT_EVENT, RedisPropagatorService } from '../../../src/index.js';
import { untilMembersKnown, instanceIdOf } from '../../support/members.js';
import { eventsOf, inAnyOrder } from '../../support/events-of.js';
import { untilDisconnected } from '../../support/until-disconnected.js';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const all = (count: number) => ({ count, missing: [], complete: true });

describe('a command for all sockets of a user:', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  /** Alice twice on the first instance and once on the second, bob on the second, nobody on the third. */
  const start = async () => {
    cluster = await givenCluster().of(3).with(PlainGateway).start();
    await untilMembersKnown(cluster);
    const alices = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice' }),
    ] as [TestClient, TestClient, TestClient];
    const bob = await cluster.instance(1).connect({ token: 'bob' });
    return { alices, bob, propagator: cluster.instance(2).propagator };
  };

  it('disconnectUser disconnects them all, and returns how many', async () => {
    const { alices, bob, propagator } = await start();

    expect(await propagator.disconnectUser('alice')).toEqual(all(3));

    await Promise.all(alices.map(untilDisconnected));
    await cluster.settled(bob);
    expect(bob.socket.connected).toBe(true);
    for (const client of alices) expect(client.received).toEqual([]);
    expect(await propagator.disconnectUser('alice')).toEqual(all(0));
    expect(await propagator.disconnectUser('nobody')).toEqual(all(0));
  });

  it('disconnectUser first tells them the reason', async () => {
    const { alices, bob, propagator } = await start();

    expect(await propagator.disconnectUser('alice', { reason: 'logged out' })).toEqual(all(3));

    await Promise.all(alices.map(untilDisconnected));
    expect(DISCONNECT_EVENT).toBe('propagator:disconnect');
    for (const client of alices) {
      expect(client.received).toEqual([
        { event: DISCONNECT_EVENT, args: [{ reason: 'logged out' }] },
      ]);
    }
    await cluster.settled(bob);
    expect(bob.received).toEqual([]);
  });

  it('disconnectUser leaves out the given one', async () => {
    const { alices, propagator } = await start();
    const [a, b, c] = alices;

    expect(await propagator.disconnectUser('alice', { exceptSocketId: b.id })).toEqual(all(2));

    await Promise.all([a, c].map(untilDisconnected));
    await cluster.settled(b);
    expect(b.socket.connected).toBe(true);
    expect(await propagator.emitToUser({ userId: 'alice', event: 'x' })).toMatchObject({
      remoteInstances: 1,
    });
  });

  it('disconnectUser ends their other namespaces only with close', async () => {
    const { alices, propagator } = await start();
    for (const index of [0, 1, 2]) serverOf(cluster, index).of('/chat');
    const chats = alices.map(({ socket }) => socket.io.socket('/chat', {}).connect());
    const chatting = (): number => chats.filter(({ connected }) => connected).length;
    await until(
      () => chatting() === 3,
      () => 'the other namespace',
    );

    expect(await propagator.disconnectUser('alice')).toEqual(all(3));
    await Promise.all(alices.map(untilDisconnected));
    expect(chatting()).toBe(3);

    for (const { socket } of alices) socket.connect();
    await Promise.all(alices.map((client) => client.connected()));
    expect(await propagator.disconnectUser('alice', { close: true })).toEqual(all(3));
    await until(
      () => chatting() === 0,
      () => 'the other namespace to go with the connection',
    );
  });

  it('joinUser adds them to rooms, and events sent after it has resolved arrive', async () => {
    const { alices, bob, propagator } = await start();

    expect(await propagator.joinUser('alice', 'lobby')).toEqual(all(3));
    expect(await propagator.joinUser('alice', ['hall', 'den'])).toEqual(all(3));
    expect(await propagator.joinUser('nobody', 'lobby')).toEqual(all(0));
    expect(await propagator.emitToRoom({ room: 'lobby', event: 'lobby' })).toEqual({
      localSockets: 0,
      remoteInstances: 2,
      reached: true,
    });
    serverOf(cluster, 1).to('hall').to('den').emit('both');

    await cluster.settled(...alices, bob);
    for (const client of alices) expect(inAnyOrder(eventsOf(client))).toEqual(['both', 'lobby']);
    expect(bob.received).toEqual([]);
  });

  it('joinUser adds them to rooms before events sent right after the call', async () => {
    const { alices, bob, propagator } = await start();

    const rounds = Array.from({ length: 20 }, (_, round) => round);
    const joined = rounds.map((round) => {
      const joining = propagator.joinUser('alice', `room ${round}`);
      void propagator.emitToRoom({ room: `room ${round}`, event: 'x', data: round });
      return joining;
    });

    expect(await Promise.all(joined)).toEqual(rounds.map(() => all(3)));
    await cluster.settled(...alices, bob);
    for (const client of alices) expect(client.data('x')).toEqual(rounds);
  });

  it('leaveUser removes them from rooms', async () => {
    const { alices, propagator } = await start();
    await propagator.joinUser('alice', ['lobby', 'hall']);

    expect(await propagator.leaveUser('alice', ['lobby', 'nowhere'])).toEqual(all(3));

    await propagator.emitToRoom({ room: 'lobby', event: 'lobby' });
    await propagator.emitToRoom({ room: 'hall', event: 'hall' });
    await cluster.settled(...alices);
    for (const client of alices) expect(eventsOf(client)).toEqual(['hall']);
  });

  it('fetchUserSockets finds them, with instance, rooms and data', async () => {
    const { alices, propagator } = await start();
    const [a, b, c] = alices;
    await a.ask('join', 'lobby');
    (socketOf(cluster, c.id).data as Record<string, unknown>)['device'] = { kind: 'phone' };

    const { items, missing, complete } = await propagator.fetchUserSockets('alice');

    expect({ missing, complete }).toEqual({ missing: [], complete: true });
    const [first, second] = cluster.instances.map(instanceIdOf);
    const found = new Map(items.map((item) => [item.id, item]));
    expect(items).toHaveLength(3);
    expect(found.get(a.id)).toMatchObject({ instanceId: first, data: { userId: 'alice' } });
    expect(found.get(a.id)?.rooms).toEqual([a.id, 'lobby']);
    expect(found.get(b.id)?.rooms).toEqual([b.id]);
    expect(found.get(c.id)).toMatchObject({
      instanceId: second,
      data: { userId: 'alice', device: { kind: 'phone' } },
    });
    expect(await propagator.fetchUserSockets('nobody')).toEqual({
      items: [],
      missing: [],
      complete: true,
    });
  });

  it('user ids may be numbers', async () => {
    const { propagator } = await start();
    const client = await cluster.instance(0).connect({ token: '42' });

    expect(await propagator.joinUser(42, 'lobby')).toEqual(all(1));
    expect((await propagator.fetchUserSockets(42n)).items).toHaveLength(1);
    expect(await propagator.leaveUser('42', 'lobby')).toEqual(all(1));
    expect(await propagator.disconnectUser(42)).toEqual(all(1));
    await untilDisconnected(client);
  });

  it('stays in its namespace', async () => {
    const { alices, propagator } = await start();
    for (const index of [0, 1, 2]) serverOf(cluster, index).of('/chat');
    const chatter = await cluster.instance(0).connect({ token: 'alice', namespace: '/chat' });
    const chat = propagator.of('/chat');

    expect(await chat.joinUser('alice', 'lobby')).toEqual(all(1));
    expect(await propagator.joinUser('alice', 'hall', { namespace: 'chat' })).toEqual(all(1));
    await propagator.emitToRoom({ room: 'lobby', event: 'root' });
    await chat.emitToRoom({ room: 'lobby', event: 'chat' });
    expect((await chat.fetchUserSockets('alice')).items.map(({ id }) => id)).toEqual([chatter.id]);
    expect(await chat.leaveUser('alice', 'lobby')).toEqual(all(1));

    await cluster.settled(...alices, chatter);
    expect(eventsOf(chatter)).toEqual(['chat']);
    expect(await chat.disconnectUser('alice', { reason: 'bye' })).toEqual(all(1));
    await untilDisconnected(chatter);
    await cluster.settled(...alices);
    for (const client of alices) {
      expect(client.received).toEqual([]);
      expect(client.socket.connected).toBe(true);
    }
  });

  it('also works from a worker without gateways', async () => {
    const { alices } = await start();
    const worker = (await cluster.startWorker()).get(RedisPropagatorService);

    expect(await worker.joinUser('alice', 'lobby')).toEqual(all(3));
    expect((await worker.fetchUserSockets('alice')).items).toHaveLength(3);
    expect(await worker.disconnectUser('alice')).toEqual(all(3));
    await Promise.all(alices.map(untilDisconnected));
  });
});
