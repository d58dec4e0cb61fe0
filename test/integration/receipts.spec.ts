import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

@WebSocketGateway()
class RootGateway {}

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {}

const EVENT = { event: 'order-update', data: { id: 7 } };

describe('the verbs of RedisPropagatorService over three instances', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('emitToUser reaches all sockets of the user and returns the number of instances', async () => {
    cluster = await givenCluster().of(3).with(RootGateway).start();
    const [a, b, c] = [cluster.instance(0), cluster.instance(1), cluster.instance(2)];
    const alices = [
      await a.connect({ token: 'alice' }),
      await a.connect({ token: 'alice' }),
      await b.connect({ token: 'alice' }),
    ];
    const others = [await a.connect({ token: 'bob' }), await c.connect()];

    const receipts = [
      await a.propagator.emitToUser({ userId: 'alice', ...EVENT }),
      await b.propagator.emitToUser({ userId: 'alice', ...EVENT }),
      await c.propagator.emitToUser({ userId: 'alice', ...EVENT }),
    ];

    expect(receipts).toEqual([
      { localSockets: 2, remoteInstances: 1, reached: true },
      { localSockets: 1, remoteInstances: 1, reached: true },
      { localSockets: 0, remoteInstances: 2, reached: true },
    ]);
    await cluster.settled(...alices, ...others);
    for (const client of alices)
      expect(client.data('order-update')).toEqual([{ id: 7 }, { id: 7 }, { id: 7 }]);
    for (const client of others) expect(client.received).toEqual([]);
  });

  it('emitToUser says that a user without sockets was not reached', async () => {
    cluster = await givenCluster().of(2).with(RootGateway).start();
    const bob = await cluster.instance(0).connect({ token: 'bob' });

    expect(await cluster.instance(0).propagator.emitToUser({ userId: 'nobody', ...EVENT })).toEqual(
      {
        localSockets: 0,
        remoteInstances: 0,
        reached: false,
      },
    );

    await cluster.settled(bob);
    expect(bob.received).toEqual([]);
  });

  it('emitToUsers reaches each user once, and has a receipt for each', async () => {
    cluster = await givenCluster().of(3).with(RootGateway).start();
    const [a, b, c] = [cluster.instance(0), cluster.instance(1), cluster.instance(2)];
    const reached = [
      await a.connect({ token: 'alice' }),
      await b.connect({ token: 'alice' }),
      await c.connect({ token: 'bob' }),
      await c.connect({ token: 'bob' }),
    ];
    const dave = await b.connect({ token: 'dave' });

    const receipt = await a.propagator.emitToUsers({
      userIds: new Set(['alice', 'bob', 'carol']),
      ...EVENT,
    });

    expect(receipt).toMatchObject({ localSockets: 1, remoteInstances: 2, reached: true });
    expect(receipt.users).toEqual(
      new Map([
        ['alice', { localSockets: 1, remoteInstances: 1, reached: true }],
        ['bob', { localSockets: 0, remoteInstances: 1, reached: true }],
        ['carol', { localSockets: 0, remoteInstances: 0, reached: false }],
      ]),
    );
    await cluster.settled(...reached, dave);
    for (const client of reached) expect(client.data('order-update')).toEqual([{ id: 7 }]);
    expect(dave.received).toEqual([]);
  });

  it('emitToUsers with the same user twice reaches that user once, and without users nobody', async () => {
    cluster = await givenCluster().of(2).with(RootGateway).start();
    const alices = [
      await cluster.instance(0).connect({ token: '7' }),
      await cluster.instance(1).connect({ token: '7' }),
    ];
    const { propagator } = cluster.instance(0);

    const twice = await propagator.emitToUsers({ userIds: ['7', 7, 7n], ...EVENT });
    const nobody = await propagator.emitToUsers({ userIds: [], ...EVENT });

    expect([...twice.users.keys()]).toEqual(['7']);
    expect(nobody).toEqual({
      localSockets: 0,
      remoteInstances: 0,
      reached: false,
      users: new Map(),
    });
    await cluster.settled(...alices);
    for (const client of alices) expect(client.data('order-update')).toEqual([{ id: 7 }]);
  });

  // A list of arrays instead of a flat list would break every emit to authenticated sockets.
  it('emitToAll reaches everybody and emitToAuthenticated all but the anonymous', async () => {
    cluster = await givenCluster().of(3).with(RootGateway).start();
    const [a, b, c] = [cluster.instance(0), cluster.instance(1), cluster.instance(2)];
    const known = [
      await a.connect({ token: 'alice' }),
      await a.connect({ token: 'alice' }),
      await b.connect({ token: 'bob' }),
    ];
    const anonymous = [await a.connect(), await c.connect()];

    const toAll = await a.propagator.emitToAll({ event: 'all', data: 1 });
    const toKnown = await a.propagator.emitToAuthenticated({ event: 'authenticated', data: 2 });
    const toKnownFromC = await c.propagator.emitToAuthenticated({
      event: 'authenticated',
      data: 3,
    });

    expect(toAll).toEqual({ localSockets: 3, remoteInstances: 2, reached: true });
    expect(toKnown).toEqual({ localSockets: 2, remoteInstances: 1, reached: true });
    expect(toKnownFromC).toEqual({ localSockets: 0, remoteInstances: 2, reached: true });
    await cluster.settled(...known, ...anonymous);
    for (const client of [...known, ...anonymous]) expect(client.data('all')).toEqual([1]);
    for (const client of known) expect(client.data('authenticated')).toEqual([2, 3]);
    for (const client of anonymous) expect(client.data('authenticated')).toEqual([]);
  });

  it('leave out the given socket, on any instance', async () => {
    cluster = await givenCluster().of(2).with(RootGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const left = await b.connect({ token: 'alice' });
    const others = [await a.connect({ token: 'alice' }), await b.connect({ token: 'alice' })];
    const exceptSocketId = left.id;

    const receipts = [
      await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1, exceptSocketId }),
      await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 2, exceptSocketId }),
    ];
    await a.propagator.emitToAll({ event: 'x', data: 3, exceptSocketId });
    await b.propagator.emitToAuthenticated({ event: 'x', data: 4, exceptSocketId });
    await a.propagator.emitToUsers({ userIds: ['alice'], event: 'x', data: 5, exceptSocketId });

    expect(receipts.map(({ localSockets }) => localSockets)).toEqual([1, 1]);
    await cluster.settled(left, ...others);
    expect(left.received).toEqual([]);
    // Each from one sender: two senders have no common order.
    for (const client of others) {
      expect(client.data('x').filter((data) => [1, 3, 5].includes(data as number))).toEqual([
        1, 3, 5,
      ]);
      expect(client.data('x').filter((data) => [2, 4].includes(data as number))).toEqual([2, 4]);
      expect(client.received).toHaveLength(5);
    }
  });

  // Events of one namespace must not reach another.
  it('stay within one namespace', async () => {
    cluster = await givenCluster().of(2).with(RootGateway, ChatGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const root = [await a.connect({ token: 'alice' }), await b.connect({ token: 'alice' })];
    const chat = [
      await a.connect({ token: 'alice', namespace: '/chat' }),
      await b.connect({ token: 'alice', namespace: '/chat' }),
    ];

    for (const namespace of ['/chat', 'chat']) {
      await a.propagator.emitToUser({ userId: 'alice', event: 'user', namespace });
      await a.propagator.emitToUsers({ userIds: ['alice'], event: 'users', namespace });
      await a.propagator.emitToAll({ event: 'all', namespace });
      await a.propagator.emitToAuthenticated({ event: 'authenticated', namespace });
    }
    await a.propagator.emitToAll({ event: 'for the root', namespace: '/' });

    await cluster.settled(...root, ...chat);
    const all = ['user', 'users', 'all', 'authenticated'];
    for (const client of chat) {
      expect(client.events).toEqual([...all, ...all]);
    }
    for (const client of root)
      expect(client.received).toEqual([{ event: 'for the root', args: [] }]);
  });

  // Closing one tab must not silence the other tabs of a user.
  it('reach the remaining tabs when one is closed, until the last one is', async () => {
    cluster = await givenCluster().of(2).with(RootGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const [closing, staying] = [
      await a.connect({ token: 'alice' }),
      await a.connect({ token: 'alice' }),
    ];
    const emit = () => b.propagator.emitToUser({ userId: 'alice', ...EVENT });

    await closing.closed();
    await until(
      () => a.state.get('alice').length === 1,
      () => 'the closed tab to be gone',
    );
    expect(await emit()).toEqual({ localSockets: 0, remoteInstances: 1, reached: true });
    await staying.waitFor('order-update');

    await staying.closed();
    await until(
      async () => !(await emit()).reached,
      () => 'the user to be offline',
    );
    expect(closing.received).toEqual([]);
    expect(staying.data('order-update')).toEqual([{ id: 7 }]);
  });
});
