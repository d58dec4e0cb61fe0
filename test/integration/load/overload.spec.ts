import { afterEach, describe, expect, it } from '@jest/globals';
import { LoadService } from '../../../src/index.js';
import type { LoadReason } from '../../../src/reporting/load.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

describe('an overloaded instance', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const loadOf = (index: number, ...reasons: LoadReason[]): void => {
    const figures = { reasons, eventLoopDelayMs: 0, pendingPublishes: 0 };
    cluster.instance(index).app.get(LoadService).measured(figures);
  };

  it('does not send volatile events, and sends all others', async () => {
    // The real measurements must not interfere.
    cluster = await givenCluster().of(2).with(PlainGateway).configured({ overload: false }).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const alice = await a.connect({ token: 'alice' });
    const bob = await b.connect({ token: 'bob' });
    loadOf(0, 'redis');

    serverOf(cluster, 0).volatile.emit('position', 1);
    serverOf(cluster, 0).emit('important', 1);
    await a.propagator.emitToUser({ userId: 'bob', event: 'yours' });
    loadOf(0);
    await cluster.settled(alice, bob);
    serverOf(cluster, 0).volatile.emit('position', 2);
    await cluster.settled(alice, bob);

    expect(alice.events).toEqual(['important', 'position']);
    expect(bob.events).toEqual(['important', 'yours', 'position']);
    expect([...alice.data('position'), ...bob.data('position')]).toEqual([2, 2]);
    expect(a.counts).toMatchObject({ 'volatile.shed': 1 });
  });

  it('does not deliver volatile events of others', async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).configured({ overload: false }).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const alice = await a.connect({ token: 'alice' });
    const bob = await b.connect({ token: 'bob' });
    loadOf(1, 'event-loop');

    serverOf(cluster, 0).volatile.emit('position', 1);
    serverOf(cluster, 0).emit('important', 1);
    await cluster.settled(alice, bob);

    expect(alice.events).toEqual(['position', 'important']);
    expect(bob.events).toEqual(['important']);
    expect(b.counts).toMatchObject({ 'volatile.shed': 1 });
  });
});
