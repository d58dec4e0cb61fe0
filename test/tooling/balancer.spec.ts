import { afterEach, describe, expect, it } from '@jest/globals';
import { Balancer } from '../support/balancer.mjs';
import { PlainGateway } from '../support/plain-gateway.js';
import {
  NUMBERED,
  ReturningClient,
  type ReturningClientOptions,
} from '../support/returning-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

describe('the balancer between clients and instances', () => {
  let cluster: TestCluster;
  let balancer: Balancer;
  const clients: ReturningClient[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await balancer.close();
    await cluster.close();
  });

  const start = async (): Promise<void> => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    balancer = await Balancer.start(cluster.instances.map(({ url }) => url));
  };
  const connect = async (options: ReturningClientOptions): Promise<ReturningClient> => {
    const client = new ReturningClient(balancer.url, options);
    clients.push(client);
    await client.connected();
    return client;
  };
  const sockets = () => cluster.instances.map(({ state }) => state.socketCount);

  it.each(['websocket', 'polling'] as const)(
    'sends each session to the next instance, and all requests of it there, by %s',
    async (transport) => {
      await start();
      const alice = await connect({ user: 'alice', transport });
      const bob = await connect({ user: 'bob', transport });

      expect(sockets()).toEqual([1, 1]);
      for (const client of [alice, bob]) await client.join('lobby');
      const data = ['room', 1] as const;
      await cluster.instance(0).propagator.emitToRoom({ room: 'lobby', event: NUMBERED, data });
      await until(
        () => alice.record.count + bob.record.count === 2,
        () => 'both to have the event',
      );
      // A client that polls has no connection for moments.
      await until(
        () => balancer.cut(({ name }) => name === 'alice') > 0,
        () => 'a connection of alice to cut',
      );
      // Only the client notices the loss of a poll that was under way.
      alice.socket.io.engine?.close();
      await alice.connected(2);
      expect(balancer.instanceOf('alice')).toBe(0);
      expect(bob.connections).toEqual([false]);
    },
  );

  it('sends a client to the chosen instance, and leaves out instances that are not ready', async () => {
    await start();
    balancer.sendTo('alice', 1);
    balancer.isReady = (instance) => instance === 0;
    await connect({ user: 'alice' });
    await connect({ user: 'bob' });
    await connect({ user: 'carol' });
    expect(sockets()).toEqual([2, 1]);

    balancer.sendTo('alice');
    balancer.cut(({ instance }) => instance === 1);
    await until(
      () => sockets()[0] === 3,
      () => 'the client to be at the ready instance',
    );
  });

  it('refuses for as long as it should', async () => {
    await start();
    const alice = await connect({ user: 'alice', awayMs: 10 });
    let refused = 0;
    alice.socket.io.on('reconnect_error', () => refused++);

    const accept = balancer.refuse();
    expect(balancer.cut()).toBe(1);
    await until(
      () => refused > 2,
      () => 'refusals',
    );
    expect(sockets()).toEqual([0, 0]);
    accept();
    await alice.connected(2);
  });

  it('keeps a connection that stands still open on both sides, also when the client has gone', async () => {
    await start();
    const alice = await connect({ user: 'alice' });
    expect(balancer.standStill()).toBe(1);

    await cluster.instance(0).propagator.emitToAll({ event: NUMBERED, data: ['all', 1] });
    alice.socket.io.engine?.close();
    await alice.connected(2);

    expect(sockets()).toEqual([1, 1]);
    expect(balancer.connections).toBe(2);
    await cluster.instance(0).propagator.emitToAll({ event: NUMBERED, data: ['all', 2] });
    await until(
      () => alice.record.count > 0,
      () => 'an event on the new connection',
    );
    expect(alice.record.numbersOf('all')).toEqual([2]);
  });
});
