import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RUNTIME } from '../../../src/nest/tokens.js';
import type { Runtime } from '../../../src/nest/runtime.js';
import { METRICS } from '../../../src/observability/metrics.js';
import { encodeEnvelope } from '../../../src/wire/envelope.js';
import { ObservedMetrics } from '../../support/open-telemetry.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

/** The length of an event's frame. */
const frame = (event: unknown[]) => 2 + `42${JSON.stringify(event)}`.length;

describe('the metrics of an instance', () => {
  let observed: ObservedMetrics;
  let cluster: TestCluster | undefined;
  let redis: RunningRedis | undefined;

  /** The first instance is the observed one. */
  const start = (size: number, url?: string) => {
    const given = givenCluster()
      .of(size)
      .with(PlainGateway)
      .configured((instance) => {
        if (instance > 0) observed.forget();
        // A test calls the measurements itself.
        return { overload: false };
      });
    return (url === undefined ? given : given.onRedis(url)).start();
  };

  beforeEach(() => {
    observed = new ObservedMetrics();
  });
  afterEach(async () => {
    await cluster?.close();
    await redis?.stop();
    await observed.close();
    [cluster, redis] = [undefined, undefined];
  });

  it('count events and bytes that are sent, received and delivered, by target', async () => {
    cluster = await start(2);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const near = await a.connect({ token: 'alice' });
    const second = await a.connect({ token: 'alice' });
    const far = await b.connect({ token: 'alice' });
    await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'hello' });
    await a.propagator.emitToUsers({ userIds: ['alice', 'bob'], event: 'x', data: 'hello' });
    await a.propagator.emitToAuthenticated({ event: 'x' });
    await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'back' });
    await b.propagator.emitToAll({ event: 'x' });
    await Promise.all([near, second].map((client) => client.waitFor('x', 5)));
    await far.waitFor('x', 5);

    expect(await observed.values('propagator.events.sent')).toEqual({
      'target=user': 3,
      'target=authenticated': 1,
      'target=all': 0,
      'target=room': 0,
    });
    expect(await observed.values('propagator.events.received')).toEqual({
      'target=user': 1,
      'target=authenticated': 0,
      'target=all': 1,
      'target=room': 0,
    });
    // To alice's two sockets here.
    expect(await observed.values('propagator.events.delivered')).toEqual({
      'target=user': 6,
      'target=authenticated': 2,
      'target=all': 2,
      'target=room': 0,
    });
    expect(await observed.values('propagator.io.delivered')).toMatchObject({
      'target=user': 4 * frame(['x', 'hello']) + 2 * frame(['x', 'back']),
      'target=authenticated': 2 * frame(['x']),
    });
    expect(await observed.values('propagator.io.sent')).toMatchObject({
      'target=user': 3 * (28 + frame(['x', 'hello'])),
      'target=authenticated': 28 + frame(['x']),
    });
    expect(await observed.values('propagator.io.received')).toMatchObject({
      'target=user': 28 + frame(['x', 'back']),
      'target=all': 28 + frame(['x']),
    });
    expect(await observed.values('propagator.publish.duration')).toEqual({
      'target=user': 3,
      'target=authenticated': 1,
    });
    expect(await observed.values('propagator.delivery.lag')).toEqual({
      'target=user': 1,
      'target=all': 1,
    });
    const [lag] = await observed.histogram('propagator.delivery.lag');
    expect(lag?.value.min).toBeGreaterThanOrEqual(0);
    expect(lag?.value.max).toBeLessThan(10);
  });

  it('count rooms, and report no lag for an event that another clock dates in the future', async () => {
    cluster = await start(1);
    const instance = cluster.instance(0);
    const client = await instance.connect({ token: 'alice' });
    await instance.propagator.joinUser('alice', 'news');
    const { bytes } = encodeEnvelope(
      {
        origin: Buffer.from('0123456789abcdef', 'hex'),
        sequence: 1,
        sentAt: Date.now() + 3_600_000,
        volatile: false,
        compress: true,
        customParser: false,
        except: [],
        rooms: [],
      },
      ['2["x"]'],
    );
    await instance.pubSub.publish(cluster.channel('room:news'), bytes);
    await client.waitFor('x', 1);
    expect(await observed.values('propagator.events.received')).toMatchObject({ 'target=room': 1 });
    const [lag] = await observed.histogram('propagator.delivery.lag');
    expect(lag?.value).toMatchObject({ count: 1, sum: 0 });
  });

  it('report members, sockets, users and subscriptions', async () => {
    cluster = await start(2);
    const instance = cluster.instance(0);
    await instance.connect({ token: 'alice' });
    await instance.connect({ token: 'alice' });
    await instance.connect();
    await until(
      async () => (await observed.values('propagator.members'))[''] === 2,
      () => 'two members',
    );
    expect(await observed.values('propagator.sockets')).toEqual({ '': 3 });
    expect(await observed.values('propagator.users')).toEqual({ '': 1 });
    expect(await observed.values('propagator.ready')).toEqual({ '': 1 });
    expect(await observed.values('propagator.overloaded')).toEqual({ '': 0 });
    const { load } = instance.app.get<Runtime>(RUNTIME);
    load.measured({ reasons: ['event-loop'], eventLoopDelayMs: 750, pendingPublishes: 0 });
    expect(await observed.values('propagator.overloaded')).toEqual({ '': 1 });
    expect(await observed.values('propagator.event_loop.delay')).toEqual({ '': 0.75 });
    const { size } = instance.app.get<Runtime>(RUNTIME).sharedChannels;
    expect(size).toBeGreaterThan(2);
    expect(await observed.values('propagator.subscriptions')).toEqual({ '': size });
  });

  it('are separate series for each app of a process', async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    for (let i = 0; i < 3; i++) await a.propagator.emitToAll({ event: 'x' });
    await b.propagator.emitToAll({ event: 'x' });
    const all = await observed.all();
    const sentBy = (name: string) =>
      (all.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [])
        .filter(({ attributes }) => attributes['propagator.target'] === 'all')
        .map(({ attributes, value }) => [
          attributes['propagator.instance.id'],
          typeof value === 'number' ? value : value.count,
        ]);
    const ids = [a, b].map(({ app }) => app.get<Runtime>(RUNTIME).router.instanceId);
    for (const name of ['propagator.events.sent', 'propagator.publish.duration']) {
      expect(new Map(sentBy(name) as [string, number][])).toEqual(
        new Map([
          [ids[0], 3],
          [ids[1], 1],
        ]),
      );
    }
    for (const { descriptor, dataPoints } of all) {
      const instances = new Set(
        dataPoints.map(({ attributes }) => attributes['propagator.instance.id']),
      );
      expect({ name: descriptor.name, has: instances.has(undefined) }).toEqual({
        name: descriptor.name,
        has: false,
      });
    }
  });

  it('describe an outage: the waiting events, the recovery, and drops by reason', async () => {
    redis = await startOwnRedis();
    cluster = await start(1, redis.url);
    const instance = cluster.instance(0);
    expect(await observed.values('propagator.reconnects')).toEqual({ '': 0 });
    await redis.kill();
    await until(
      async () => (await observed.values('propagator.ready'))[''] === 0,
      () => 'not ready',
    );
    const sent = instance.propagator.emitToAll({ event: 'x', data: 'kept' });
    await expect(
      instance.propagator.emitToAll({ event: 'x', namespace: '/other', publish: 'fail-fast' }),
    ).rejects.toMatchObject({ code: 'redis.unavailable' });
    expect(await observed.values('propagator.outbox.events')).toEqual({ '': 1 });
    expect((await observed.values('propagator.outbox.size'))['']).toBeGreaterThan(28);
    expect(await observed.values('propagator.drops')).toMatchObject({ 'reason=publish.failed': 1 });
    // Normal events are not drops, except in the diagnostics.
    const { reporter } = instance.app.get<Runtime>(RUNTIME);
    for (const kind of ['auth.expired', 'event.repeated', 'volatile.dropped']) reporter.count(kind);
    expect(Object.keys(await observed.values('propagator.drops')).join()).not.toMatch(
      /expired|repeated|volatile/,
    );
    await redis.restart();
    await sent;
    await until(
      async () => (await observed.values('propagator.reconnects'))[''] === 1,
      () => 'one return',
    );
    expect(await observed.values('propagator.outbox.events')).toEqual({ '': 0 });
    expect(await observed.values('propagator.gaps')).toEqual({ '': 0 });
    // It had lost its subscriptions, and asked the others.
    await until(
      async () => ((await observed.values('propagator.repairs'))[''] ?? 0) >= 1,
      () => 'a repair',
    );
    expect(await observed.values('propagator.repair.held')).toEqual({ '': 0 });
  });

  it('are exactly the documented ones, with their units, and end with the app', async () => {
    cluster = await start(1);
    const instance = cluster.instance(0);
    await instance.propagator.emitToAll({ event: 'x' });
    const origin = { origin: Buffer.alloc(8, 1), sequence: 1, sentAt: Date.now() };
    const flags = { volatile: false, compress: true, customParser: false, except: [], rooms: [] };
    const { bytes } = encodeEnvelope({ ...origin, ...flags }, ['2["x"]']);
    const client = await instance.connect();
    await instance.pubSub.publish(cluster.channel('all'), bytes);
    await client.waitFor('x', 1);
    await instance.pubSub.publish(cluster.channel('all'), Buffer.from('junk'));
    await until(
      () => instance.counts['message.unknown-version'] === 1,
      () => 'the junk',
    );
    // A histogram without values is not exported; this one needs a client that comes back.
    const telemetry = instance.app.get<Runtime>(RUNTIME).router['telemetry'];
    telemetry.cameBack?.(0.1, 'recovered');
    const described = (await observed.all()).map(
      ({ descriptor: { name, unit, description } }) => [name, { unit, description }] as const,
    );
    expect(described).toHaveLength(Object.keys(METRICS).length);
    expect(Object.fromEntries(described)).toEqual(
      Object.fromEntries(
        Object.entries(METRICS).map(([name, { unit, description }]) => [
          name,
          { unit, description },
        ]),
      ),
    );
    await instance.close();
    const { traffic, cameBack } = telemetry;
    expect([traffic.published, traffic.lagged, cameBack]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('without an SDK of OpenTelemetry', () => {
  it('an app counts, and does nothing more', async () => {
    const cluster = await givenCluster().of(1).onInMemoryPubSub().start();
    try {
      const instance = cluster.instance(0);
      await instance.propagator.emitToAll({ event: 'x' });
      const { traffic, tracing } = instance.app.get<Runtime>(RUNTIME).router['telemetry'];
      expect(traffic.sent.all.events).toBe(1);
      expect([traffic.published, traffic.lagged, tracing]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(instance.counts).toEqual({});
    } finally {
      await cluster.close();
    }
  });
});
