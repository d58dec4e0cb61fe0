import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { untilMembersKnown } from '../../support/members.js';
import { eventsOf } from '../../support/events-of.js';
import { reconnect, loseConnection } from '../../support/lost-connections.js';
import { ExternalClient } from '../../support/external-client.js';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { PATIENCE_MS, until } from '../../support/until.js';

type Acknowledge = (answer: unknown) => void;

describe('connection state recovery with other instances', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  beforeEach(() => {
    external = new ExternalClient();
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });

  const start = async (maxDisconnectionMs = 60_000): Promise<TestClient> => {
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured({ recovery: { maxDisconnectionMs } })
      .start();
    await untilMembersKnown(cluster);
    const client = await cluster.instance(0).connect({ token: 'alice' });
    await client.ask('join', 'lobby');
    // A client can only recover after it has received an event.
    client.socket.on('question', (answer: Acknowledge) => answer('here'));
    serverOf(cluster, 1).emit('first');
    await client.waitFor('first');
    return client;
  };
  const channelsOfAlice = () => external.channels(`${cluster.prefix}:/:`);

  it('replays the events that other instances sent meanwhile to all, to the user, to rooms and to the socket', async () => {
    const client = await start();
    const { id } = client;
    const far = serverOf(cluster, 1);
    const { propagator } = cluster.instance(1);

    await loseConnection(client, cluster.instance(0));
    await propagator.emitToAll({ event: 'to all' });
    await propagator.emitToUser({ userId: 'alice', event: 'to the user', data: Buffer.from('x') });
    await propagator.emitToAuthenticated({ event: 'to the authenticated' });
    await propagator.emitToRoom({ room: 'lobby', event: 'to the room' });
    far.to(['lobby', 'hall']).emit('to rooms');
    far.to(id).emit('to the socket');
    far.except('lobby').emit('to others');
    far.to('hall').emit('to another room');
    far.volatile.to('lobby').emit('volatile');
    serverOf(cluster, 0).to('lobby').emit('from the same instance');
    await propagator.emitToUser({ userId: 'bob', event: 'to somebody else' });
    await far.fetchSockets();
    await reconnect(client);

    expect(client.socket.recovered).toBe(true);
    await cluster.settled(client);
    expect(eventsOf(client).sort()).toEqual(
      [
        'first',
        'from the same instance',
        'to all',
        'to rooms',
        'to the authenticated',
        'to the room',
        'to the socket',
        'to the user',
      ].sort(),
    );
    expect(client.data('to the user')).toEqual([Buffer.from('x')]);
  });

  it('loses and repeats no event while more are sent', async () => {
    const client = await start();
    let sent = 0;
    const over = new AbortController();
    const sending = (async () => {
      while (!over.signal.aborted) {
        const data = sent++;
        await cluster.instance(1).propagator.emitToRoom({ room: 'lobby', event: 'n', data });
      }
    })();

    for (let round = 1; round <= 5; round++) {
      await client.waitFor('n', client.data('n').length + 5);
      await loseConnection(client, cluster.instance(0));
      await reconnect(client);
      expect(client.socket.recovered).toBe(true);
    }
    over.abort();
    await sending;

    await cluster.settled(client);
    expect(client.data('n')).toEqual(Array.from({ length: sent }, (_, n) => n));
  });

  it('works as usual once the socket is back: rooms, acknowledgements, and the next recovery', async () => {
    const client = await start();
    await loseConnection(client, cluster.instance(0));
    await reconnect(client);

    serverOf(cluster, 1).to('lobby').emit('room');
    expect(await serverOf(cluster, 1).to('lobby').emitWithAck('question')).toEqual(['here']);
    const socket = socketOf(cluster, client.id);
    expect(await socket.timeout(PATIENCE_MS).emitWithAck('question')).toBe('here');
    await loseConnection(client, cluster.instance(0));
    serverOf(cluster, 1).to('lobby').emit('room again');
    await serverOf(cluster, 1).fetchSockets();
    await reconnect(client);

    await cluster.settled(client);
    expect(eventsOf(client)).toEqual(['first', 'room', 'question', 'question', 'room again']);
    expect(cluster.instance(0).counts).toEqual({});
  });

  it('keeps the channels of a lost socket, and releases them when it is too late', async () => {
    const client = await start(3_000);
    const channels = await channelsOfAlice();
    expect(channels).toHaveLength(4);

    await loseConnection(client, cluster.instance(0));
    expect(await channelsOfAlice()).toEqual(channels);

    await until(
      async () => (await channelsOfAlice()).length === 0,
      () => 'the channels to be given back',
    );
    await reconnect(client);
    expect(client.socket.recovered).toBe(false);
  });

  it('releases the channels if the recovered socket disconnects properly', async () => {
    const client = await start();
    await loseConnection(client, cluster.instance(0));
    await reconnect(client);

    client.close();

    await until(
      async () => (await channelsOfAlice()).length === 0,
      () => 'the channels to be given back',
    );
    expect(await channelsOfAlice()).toEqual([]);
  });

  it('publishes nothing that a socket emits to its own client', async () => {
    const client = await start();
    const neighbour = await cluster.instance(1).connect();
    const heard: string[] = [];
    cluster.instance(1).pubSub.onMessage((channel) => {
      if (!/:(cluster|reply:.*)$/.test(channel)) heard.push(channel);
    });
    const socket = socketOf(cluster, client.id);

    for (let n = 0; n < 10; n++) socket.emit('own', n);
    socket.volatile.emit('own', 10);
    await client.waitFor('own', 10);

    await cluster.settled(client, neighbour);
    expect(client.data('own').slice(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // Only the markers of `settled`, one for each instance.
    expect(heard).toEqual([cluster.channel('all'), cluster.channel('all')]);
  });
});
