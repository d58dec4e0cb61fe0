import { afterEach, describe, expect, it } from '@jest/globals';
import type { RedisPropagatorOptions, RepairOptions } from '../../../src/index.js';
import { DiagnosticsService } from '../../../src/observability/diagnostics.service.js';
import { untilMembersKnown, othersOf } from '../../support/members.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { TcpProxy, type Silence } from '../../support/tcp-proxy.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

/** No member counts as lost meanwhile. */
const PATIENT = { memberTimeoutMs: 120_000, outbox: { maxAgeMs: 120_000 } };

const isRepaired = (a: TestInstance): Promise<void> =>
  until(
    () => a.redis.state === 'ready' && !a.app.get(DiagnosticsService).diagnostics().repair.underway,
    () => 'the end of the repair',
  );

const cases: [role: string, subscriber: boolean, from: Silence][] = [
  ['subscribed connection is lost, and the next one is taken without an answer', true, 'start'],
  [
    'subscribed connection is lost, and the next one is silent when it subscribes',
    true,
    'subscribe',
  ],
  ['publishing connection is lost, and the next one is taken without an answer', false, 'start'],
];

describe('when a', () => {
  let cluster: TestCluster;
  let proxy: TcpProxy;
  afterEach(async () => {
    await cluster.close();
    await proxy.close();
  });

  it.each(cases)('%s, a third one is made and nothing is lost', async (_, subscriber, from) => {
    proxy = await TcpProxy.to(testRedisUrl());
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured((index) => ({ ...PATIENT, ...(index === 0 && { redis: proxy.url }) }))
      .start();
    await untilMembersKnown(cluster);
    const [a, b] = cluster.instances as [TestInstance, TestInstance];
    const alice = await a.connect({ token: 'alice' });
    const bob = await b.connect({ token: 'bob' });

    proxy.silenceNext(from);
    proxy.cutThose(subscriber);
    await until(
      () => proxy.silent === 1,
      () => 'a connection that is silent',
    );
    expect(a.redis.state).toBe('degraded');
    const sent = Promise.all([
      a.propagator.emitToUser({ userId: 'bob', event: 'x', data: 'to bob' }),
      b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'to alice' }),
    ]);

    expect(await bob.waitFor('x')).toEqual(['to bob']);
    expect(await alice.waitFor('x')).toEqual(['to alice']);
    await sent;
    await until(
      () => a.redis.state === 'ready',
      () => `the state ready, it is ${a.redis.state}`,
    );
    expect(proxy.silent).toBe(0);
    await cluster.settled(alice, bob);
    expect(alice.data('x')).toEqual(['to alice']);
    expect(bob.data('x')).toEqual(['to bob']);
    expect(a.counts['event.gap']).toBeUndefined();
  });
});

describe('a client that is connected before its channel is subscribed', () => {
  let cluster: TestCluster;
  let proxy: TcpProxy;
  afterEach(async () => {
    await cluster.close();
    await proxy.close();
  });

  async function start(
    size: number,
    options: RedisPropagatorOptions = {},
  ): Promise<[TestInstance, TestInstance]> {
    proxy = await TcpProxy.to(testRedisUrl());
    cluster = await givenCluster()
      .of(size)
      .with(PlainGateway)
      .configured((index) => ({
        ...PATIENT,
        ...options,
        ...(index === 0 && { redis: proxy.url, subscribeTimeoutMs: 500 }),
      }))
      .start();
    await untilMembersKnown(cluster);
    const [a, b] = cluster.instances as [TestInstance, TestInstance];
    await a.connect({ token: 'bob' });
    await until(
      () => a.redis.state === 'ready',
      () => 'everything to be subscribed',
    );
    return [a, b];
  }

  const leaves = async (a: TestInstance, instance: TestInstance): Promise<void> => {
    await instance.app.close();
    await until(
      () => othersOf(a).length === cluster.instances.length - 2,
      () => 'the other instance to leave',
    );
  };

  it('gets the events that were sent to it meanwhile', async () => {
    const [a, b] = await start(2);
    const letGo = proxy.holdSubscribers();
    const alice = await a.connect({ token: 'alice' });
    expect(a.redis.state).toBe('degraded');
    await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 });
    await b.propagator.emitToAll({ event: 'x', data: 'to all' });
    await alice.waitFor('x');
    letGo();

    await alice.waitFor('x', 2);
    await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 2 });
    await alice.waitFor('x', 3);
    await cluster.settled(alice);
    expect(alice.data('x').filter((data) => data !== 'to all')).toEqual([1, 2]);
    expect(alice.data('x')).toHaveLength(3);
    await until(
      () => a.redis.state === 'ready',
      () => `the state ready, it is ${a.redis.state}`,
    );
    expect(a.counts['event.gap']).toBeUndefined();
  });

  it('has missed nothing from an instance that had left before', async () => {
    const [a] = await start(3);
    await leaves(a, cluster.instance(2));
    const letGo = proxy.holdSubscribers();
    await a.connect({ token: 'alice' });
    expect(a.redis.state).toBe('degraded');
    letGo();
    await isRepaired(a);
    expect(a.app.get(DiagnosticsService).diagnostics().repair.repairs).toBeGreaterThan(0);
    expect(a.counts['event.gap']).toBeUndefined();
  });

  it.each<[string, number, RepairOptions]>([
    ['has missed nothing from an instance that left meanwhile and had published nothing', 0, {}],
    ['gets the events that an instance left in Redis when it ended meanwhile', 2, {}],
    [
      'may have missed events of an instance that ended and left none: that is one gap',
      2,
      { maxLeftBytes: 0 },
    ],
  ])('%s', async (_, events, repair) => {
    const [a] = await start(3, { repair });
    const letGo = proxy.holdSubscribers();
    const alice = await a.connect({ token: 'alice' });
    const leaving = cluster.instance(2);
    const data = Array.from({ length: events }, (_each, n) => n);
    for (const n of data) {
      await leaving.propagator.emitToUser({ userId: 'alice', event: 'x', data: n });
    }
    await leaves(a, leaving);
    letGo();
    await isRepaired(a);
    const isLost = events > 0 && repair.maxLeftBytes === 0;
    if (!isLost) await alice.waitFor('x', events);
    expect(alice.data('x')).toEqual(isLost ? [] : data);
    expect(a.counts['event.gap'] ?? 0).toBe(isLost ? 1 : 0);
  });
});
