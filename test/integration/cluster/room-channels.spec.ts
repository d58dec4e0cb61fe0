import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { untilMembersKnown } from '../../support/members.js';
import { ExternalClient } from '../../support/external-client.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

/** The event messages that an instance receives from Redis. */
const overhear = ({ pubSub }: TestInstance): string[] => {
  const channels: string[] = [];
  pubSub.onMessage((channel) => {
    if (channel.includes(':room:') || channel.endsWith(':all')) channels.push(channel);
  });
  return channels;
};

describe('the channel of a room', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  beforeEach(() => {
    external = new ExternalClient();
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });

  const start = async (): Promise<[TestClient, TestClient, TestClient]> => {
    cluster = await givenCluster().of(3).with(PlainGateway).start();
    await untilMembersKnown(cluster);
    return [
      await cluster.instance(0).connect(),
      await cluster.instance(1).connect(),
      await cluster.instance(2).connect(),
    ];
  };
  const roomChannels = () => external.channels(cluster.channel('room:'));
  const subscribers = async (room: string): Promise<number> =>
    Number((await external.redis.pubsub('NUMSUB', cluster.channel(`room:${room}`)))[1]);
  const eventually = (room: string, count: number): Promise<void> =>
    until(
      async () => (await subscribers(room)) === count,
      () => `${count} subscribers of room ${room}`,
    );

  it('is subscribed while a socket is in the room, once for each instance', async () => {
    const [a, b] = await start();
    const another = await cluster.instance(0).connect();
    expect(await roomChannels()).toEqual([]);

    await a.ask('join', 'lobby');
    expect(await subscribers('lobby')).toBe(1);
    await another.ask('join', 'lobby');
    expect(await subscribers('lobby')).toBe(1);
    await b.ask('join', ['lobby', 'hall']);
    expect(await subscribers('lobby')).toBe(2);
    expect(await roomChannels()).toEqual([
      cluster.channel('room:hall'),
      cluster.channel('room:lobby'),
    ]);

    await a.ask('leave', 'lobby');
    await b.ask('leave', 'lobby');
    await eventually('lobby', 1);
    another.close();
    await eventually('lobby', 0);
    expect(await roomChannels()).toEqual([cluster.channel('room:hall')]);
    await cluster.instance(1).app.close();
    await until(
      async () => (await roomChannels()).length === 0,
      () => 'the channel of the last room to be given back',
    );
  });

  it('carries the events of the room to the instances with a member, and to no others', async () => {
    const [a, b, c] = await start();
    await a.ask('join', 'lobby');
    await b.ask('join', 'hall');
    const heard = cluster.instances.map(overhear);

    for (let n = 0; n < 10; n++) serverOf(cluster, 2).to('lobby').emit('x', n);
    await cluster.instance(2).propagator.emitToRoom({ room: 'lobby', event: 'x', data: 10 });

    await cluster.settled(a, b, c);
    expect(a.data('x')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const ofRooms = heard.map((channels) => channels.filter((name) => name.includes(':room:')));
    expect(ofRooms).toEqual([
      Array.from({ length: 11 }, () => cluster.channel('room:lobby')),
      [],
      [],
    ]);
    // In addition there are the markers of `settled`: one event for each instance.
    expect(heard.map((channels) => channels.length)).toEqual([14, 3, 3]);
  });

  it('carries an event with exceptions, too, while one for several rooms goes to all instances once', async () => {
    const [a, b, c] = await start();
    await a.ask('join', ['lobby', 'hall']);
    const heard = overhear(cluster.instance(0));

    serverOf(cluster, 2).to('lobby').except('nowhere').emit('x', 1);
    serverOf(cluster, 2).to('lobby').except('hall').emit('x', 2);
    serverOf(cluster, 2).to(['lobby', 'hall']).emit('x', 3);

    await a.waitFor('x', 2);
    expect(heard).toEqual([
      cluster.channel('room:lobby'),
      cluster.channel('room:lobby'),
      cluster.channel('all'),
    ]);
    await cluster.settled(a, b, c);
    expect(a.data('x')).toEqual([1, 3]);
  });

  it('does not exist for the room of a socket id', async () => {
    const [a] = await start();
    const heard = cluster.instances.map(overhear);

    serverOf(cluster, 2).to(a.id).emit('x');

    await a.waitFor('x');
    expect(await roomChannels()).toEqual([]);
    expect(heard[0]).toEqual([cluster.channel('all')]);
  });

  // Events published right after `join` must not be missed.
  it('is subscribed before join resolves, so no event sent afterwards is missed', async () => {
    const [a, b] = await start();
    const rounds = Array.from({ length: 50 }, (_, round) => round);

    for (const round of rounds) {
      await a.ask('join', `room ${round}`);
      serverOf(cluster, 1).to(`room ${round}`).emit('x', round);
    }

    await cluster.settled(a, b);
    expect(a.data('x')).toEqual(rounds);
  });

  it('stays subscribed if the room is left and joined again at once', async () => {
    const [a, b] = await start();
    await a.ask('join', 'lobby');

    for (let round = 0; round < 50; round++) {
      const left = a.ask('leave', 'lobby');
      await a.ask('join', 'lobby');
      await left;
      serverOf(cluster, 1).to('lobby').emit('x', round);
    }

    await cluster.settled(a, b);
    expect(a.data('x')).toEqual(Array.from({ length: 50 }, (_, round) => round));
    expect(await subscribers('lobby')).toBe(1);
  });

  it('of one namespace is separate from that of another', async () => {
    const [a] = await start();
    for (const index of [0, 1, 2]) serverOf(cluster, index).of('/chat');
    const chatter = await cluster.instance(1).connect({ namespace: '/chat' });
    await a.ask('join', 'lobby');
    const chat = serverOf(cluster, 1).of('/chat');
    await chat.sockets.get(chatter.id)?.join('lobby');

    serverOf(cluster, 2).to('lobby').emit('x', 'root');
    serverOf(cluster, 2).of('/chat').to('lobby').emit('x', 'chat');

    await cluster.settled(a, chatter);
    expect(a.data('x')).toEqual(['root']);
    expect(chatter.data('x')).toEqual(['chat']);
  });
});
