import { afterEach, describe, expect, it } from '@jest/globals';
import { RedisPropagatorService } from '../../../src/index.js';
import { untilMembersKnown } from '../../support/members.js';
import { eventsOf } from '../../support/events-of.js';
import { FakeInstance } from '../../support/fake-instance.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

const event = { room: 'lobby', event: 'x' };

describe('emitToRoom', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  /** One client on each of three instances. */
  const start = async (): Promise<[TestClient, TestClient, TestClient]> => {
    cluster = await givenCluster().of(3).with(PlainGateway).start();
    await untilMembersKnown(cluster);
    return [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(1).connect(),
      await cluster.instance(2).connect(),
    ];
  };

  it('returns the number of local sockets and of other instances with the room', async () => {
    const [a, b, c] = await start();
    const another = await cluster.instance(0).connect();
    const { propagator } = cluster.instance(0);

    expect(await propagator.emitToRoom(event)).toEqual({
      localSockets: 0,
      remoteInstances: 0,
      reached: false,
    });
    await b.ask('join', 'lobby');
    expect(await propagator.emitToRoom(event)).toEqual({
      localSockets: 0,
      remoteInstances: 1,
      reached: true,
    });
    for (const client of [a, another, c]) await client.ask('join', 'lobby');
    expect(await propagator.emitToRoom(event)).toEqual({
      localSockets: 2,
      remoteInstances: 2,
      reached: true,
    });
    for (const client of [b, c]) await client.ask('leave', 'lobby');
    await cluster.settled(a, b, c, another);
    expect(await propagator.emitToRoom(event)).toMatchObject({ localSockets: 2 });

    await cluster.settled(a, b, c, another);
    expect([a, another, b, c].map((client) => client.data('x').length)).toEqual([2, 2, 2, 1]);
  });

  it('leaves out the given socket, on any instance', async () => {
    const [a, b, c] = await start();
    for (const client of [a, b, c]) await client.ask('join', 'lobby');
    const { propagator } = cluster.instance(0);

    for (const client of [a, b]) {
      await propagator.emitToRoom({ ...event, exceptSocketId: client.id, data: client.id });
    }

    await cluster.settled(a, b, c);
    expect(a.data('x')).toEqual([b.id]);
    expect(b.data('x')).toEqual([a.id]);
    expect(c.data('x')).toEqual([a.id, b.id]);
  });

  it('works from a worker without gateways, with any data and any room name', async () => {
    const [a, b, c] = await start();
    const worker = (await cluster.startWorker()).get(RedisPropagatorService);
    const rooms = [
      'a room',
      'a:b',
      '/',
      '%3A',
      'Grüße 🎉',
      'user:alice',
      'all',
      '*',
      'x'.repeat(256),
    ];
    await b.ask('join', rooms);
    const data = { bytes: Buffer.from([0, 255]), list: [1, null] };

    for (const room of rooms) {
      expect(await worker.emitToRoom({ room, event: room, data })).toEqual({
        localSockets: 0,
        remoteInstances: 1,
        reached: true,
      });
    }

    await cluster.settled(a, b, c);
    expect(b.received).toEqual(rooms.map((room) => ({ event: room, args: [data] })));
    expect([a, c].map(eventsOf)).toEqual([[], []]);
  });

  it('is bound to a namespace by of(), however its name is written', async () => {
    const [a] = await start();
    for (const index of [0, 1, 2]) serverOf(cluster, index).of('/chat');
    const chatter = await cluster.instance(1).connect({ namespace: '/chat' });
    await serverOf(cluster, 1).of('/chat').sockets.get(chatter.id)?.join('lobby');
    await a.ask('join', 'lobby');
    const { propagator } = cluster.instance(2);

    await propagator.of('/chat').emitToRoom({ room: 'lobby', event: 'chat' });
    await propagator.of('chat').emitToRoom({ room: 'lobby', event: 'chat, too' });
    await propagator.emitToRoom({ room: 'lobby', event: 'root' });

    await cluster.settled(a, chatter);
    expect(eventsOf(chatter)).toEqual(['chat', 'chat, too']);
    expect(eventsOf(a)).toEqual(['root']);
  });

  it('uses the channel of the namespace while sockets are being told to join, and not afterwards', async () => {
    const [a, b, c] = await start();
    const slow = await FakeInstance.of(cluster);
    const { propagator } = cluster.instance(0);

    // Until the last instance has replied, some sockets may not have joined.
    const joining = propagator.joinUser('alice', 'lobby');
    const asked = await slow.asked();
    expect(await propagator.emitToRoom(event)).toMatchObject({ remoteInstances: 2 });
    await slow.answer(asked, { part: 0 });
    expect(await joining).toEqual({ count: 1, missing: [], complete: true });
    expect(await propagator.emitToRoom(event)).toMatchObject({ remoteInstances: 0 });

    slow.close();
    await cluster.settled(a, b, c);
    expect([a, b, c].map(eventsOf)).toEqual([['x', 'x'], [], []]);
  });
});
