import { afterEach, describe, expect, it } from '@jest/globals';
import { type RedisPropagatorService } from '../../../src/index.js';
import { InMemoryBus } from '../../../src/testing/index.js';
import { untilMembersKnown } from '../../support/members.js';
import { BreakablePubSub } from '../../support/breakable-pub-sub.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

/** For a while both make events of the room use the channel of the namespace. */
const WAYS: [string, (propagator: RedisPropagatorService, cluster: TestCluster) => void][] = [
  ['joinUser', (propagator) => void propagator.joinUser('bob', 'lobby')],
  ['socketsJoin', (_, cluster) => serverOf(cluster, 0).in('nobody').socketsJoin('lobby')],
];

describe('events for a room that other sockets are told to join', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it.each(WAYS)('keep their order after an outage: %s', async (_, join) => {
    const bus = new InMemoryBus();
    const transports: BreakablePubSub[] = [];
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .onInMemoryPubSub()
      .configured((index) => ({ pubSub: (transports[index] = new BreakablePubSub(bus)) }))
      .start();
    await untilMembersKnown(cluster);
    const alice = await cluster.instance(1).connect({ token: 'alice' });
    await alice.ask('join', 'lobby');
    const { propagator } = cluster.instance(0);
    const told: Promise<unknown>[] = [];
    const tell = (data: number): void => {
      told.push(propagator.emitToRoom({ room: 'lobby', event: 'n', data }));
    };

    transports[0]?.refuse();
    tell(1);
    join(propagator, cluster);
    tell(2);
    // The others could not be told, so the room uses its own channel again.
    await new Promise((resolve) => setImmediate(resolve));
    tell(3);
    tell(4);
    transports[0]?.heal();

    await Promise.all(told);
    await cluster.settled(alice);
    expect(alice.data('n')).toEqual([1, 2, 3, 4]);
  });
});
