import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import {
  ClusterService,
  RedisPropagatorService,
  type EventGap,
  type RedisPropagatorOptions,
} from '../../../src/index.js';
import type { Runtime } from '../../../src/nest/runtime.js';
import { RUNTIME } from '../../../src/nest/tokens.js';
import { DiagnosticsService } from '../../../src/observability/diagnostics.service.js';
import { encodePacket } from '../../../src/wire/encode-packet.js';
import { encodeEnvelope } from '../../../src/wire/envelope.js';
import { ExternalClient } from '../../support/external-client.js';
import { instanceIdOf, untilMembersKnown } from '../../support/members.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';
import { EVENT_PACKET } from '../../../src/wire/wire-packet.js';
import { Encoder } from 'socket.io-parser';

/** More than the log of received events can tell apart. */
const MORE_IDS = 65_536;

/** An event of a publisher that is written in another language. */
function envelopeOf(origin: Buffer, sequence: number, data: unknown): Buffer {
  const parts = encodePacket(new Encoder(), { type: EVENT_PACKET, nsp: '/', data: ['n', data] });
  const flags = { volatile: false, compress: true, customParser: false, except: [], rooms: [] };
  return encodeEnvelope({ origin, sequence, sentAt: Date.now(), ...flags }, parts).bytes;
}

describe('an instance that is cut off from Redis', () => {
  let cluster: TestCluster;
  let proxy: TcpProxy;
  let external: ExternalClient;
  /** Alice is connected to the first instance, which goes through the proxy. */
  let alice: TestClient;
  let gaps: EventGap[];

  beforeEach(() => {
    gaps = [];
    external = new ExternalClient();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    external.close();
    await cluster.close();
    await proxy.close();
  });

  async function start(
    options: RedisPropagatorOptions = {},
    own: RedisPropagatorOptions = {},
  ): Promise<TestInstance> {
    proxy = await TcpProxy.to(testRedisUrl());
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured((index) => (index === 0 ? { ...own, redis: proxy.url } : options))
      .start();
    await untilMembersKnown(cluster);
    const first = cluster.instance(0);
    first.app.get(ClusterService).gaps$.subscribe((gap) => gaps.push(gap));
    alice = await first.connect({ token: 'alice' });
    await until(
      () => first.redis.state === 'ready',
      () => 'everything to be subscribed',
    );
    return first;
  }

  /** Cuts the first instance off. Returns a function that lets it subscribe again. */
  async function cutOff(): Promise<() => void> {
    const { redis } = cluster.instance(0);
    const letGo = proxy.cutOff();
    await until(
      () => redis.state === 'degraded',
      () => 'it to be cut off',
    );
    return letGo;
  }

  const tell = (data: unknown) =>
    cluster.instance(1).propagator.emitToUser({ userId: 'alice', event: 'n', data });
  const has = (...data: unknown[]) =>
    until(
      () => alice.data('n').length >= data.length,
      () => `${JSON.stringify(data)}, there is ${JSON.stringify(alice.data('n'))}`,
    ).then(() => expect(alice.data('n')).toEqual(data));
  const repaired = () => {
    const { repair } = cluster.instance(0).app.get(DiagnosticsService).diagnostics();
    return !repair.underway;
  };

  it.each([
    ['its clock is set back by two minutes', -120_000],
    ['the machine was suspended for ten minutes', 600_000],
  ])('gets what it has missed although %s', async (_, stepMs) => {
    await start();
    await tell(1);
    await has(1);
    const letGo = await cutOff();
    await tell(2);
    const now = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => now() + stepMs);
    await tell(3);
    letGo();
    await has(1, 2, 3);
    await tell(4);
    await has(1, 2, 3, 4);
    expect(gaps).toEqual([]);
  });

  it('is told of no gap by an instance that had forgotten events before this one was there', async () => {
    await start({ repair: { maxBytes: 1_024 } });
    for (let n = 1; n <= 40; n++) await tell(n);
    await until(
      () => alice.data('n').length === 40,
      () => 'the events',
    );
    // Its first subscribed connection is cut off, so it reads no records before.
    const late = await TcpProxy.to(testRedisUrl());
    const letGo = late.cutOff();
    const worker = await cluster.startWorkerWith({ redis: late.url, connectTimeoutMs: 200 });
    const told: EventGap[] = [];
    worker.get(ClusterService).gaps$.subscribe((gap) => told.push(gap));
    letGo();
    const view = worker.get(DiagnosticsService);
    await until(
      () => view.diagnostics().state === 'ready' && !view.diagnostics().repair.underway,
      () => 'it to be there',
    );
    expect(told).toEqual([]);
    await worker.close();
    await late.close();
  });

  /** A worker that the first instance never knows: it emits so many events and ends, before that instance is back. */
  async function comeAndGo(events: number, options?: RedisPropagatorOptions): Promise<string> {
    const letGo = await cutOff();
    const worker = await cluster.startWorkerWith({ ...options });
    const { instanceId } = worker.get(ClusterService).self;
    const propagator = worker.get(RedisPropagatorService);
    for (let n = 1; n <= events; n++) {
      await propagator.emitToUser({ userId: 'alice', event: 'n', data: n });
    }
    await worker.close();
    letGo();
    return instanceId;
  }

  it.each([
    ['', undefined],
    [', signed', 'a secret of more than 32 characters'],
  ])('gets the events that an instance left which it never knew%s', async (_, secret) => {
    await start({ secret }, { secret });
    await comeAndGo(5, { secret });
    await has(1, 2, 3, 4, 5);
    await tell('after');
    await has(1, 2, 3, 4, 5, 'after');
    await until(repaired, () => 'the end of the repair');
    expect(gaps).toEqual([]);
  });

  it('gets the events that an instance left that ends while it is asked, each once', async () => {
    await start();
    for (let n = 1; n <= 5; n++) await tell(n);
    await has(1, 2, 3, 4, 5);
    const letGo = await cutOff();
    for (let n = 6; n <= 9; n++) await tell(n);
    await cluster.instance(1).app.close();
    letGo();
    await has(1, 2, 3, 4, 5, 6, 7, 8, 9);
    await until(repaired, () => 'the end of the repair');
    expect(gaps).toEqual([]);
    const left = await external.redis.pttl(
      `${cluster.prefix}:members:{${instanceIdOf(cluster.instance(1))}}:left`,
    );
    expect(left).toBeGreaterThan(0);
  });

  it('is told of a gap by an instance that left fewer events than it never knew, and gets the rest', async () => {
    await start();
    const instanceId = await comeAndGo(40, { repair: { maxLeftBytes: 1_024 } });
    await until(
      () => alice.data('n').at(-1) === 40,
      () => 'the last event',
    );
    const [first] = alice.data('n') as [number];
    expect(alice.data('n')).toEqual(Array.from({ length: 41 - first }, (__, i) => first + i));
    await until(repaired, () => 'the end of the repair');
    expect(gaps).toEqual([{ instanceId, from: 1, to: first - 1, reason: 'forgotten' }]);
  });

  it('is told of the events of an instance that it never knew and that left nothing', async () => {
    await start();
    const instanceId = await comeAndGo(5, { repair: { maxLeftBytes: 0 } });
    await until(
      () => gaps.length > 0,
      () => 'a gap',
    );
    expect(gaps).toEqual([{ instanceId, from: 1, to: null, reason: 'no-answer' }]);
    await tell('after');
    await has('after');
  });

  it('reports no gap for one that came and went and had published nothing', async () => {
    await start();
    const letGo = await cutOff();
    const worker = await cluster.startWorker();
    await worker.close();
    letGo();
    await tell('after');
    await has('after');
    await until(repaired, () => 'the end of the repair');
    expect(gaps).toEqual([]);
  });

  it('waits for no publisher that is no instance, and reports no gap for it', async () => {
    await start();
    const channel = cluster.channel('user:alice');
    for (let outage = 0; outage < 2; outage++) {
      const letGo = await cutOff();
      await external.publish(channel, envelopeOf(randomBytes(8), 1, 'missed'));
      letGo();
      await until(
        () => cluster.instance(0).redis.state === 'ready',
        () => 'it to be back',
      );
      for (let n = 0; n < 5; n++) {
        const before = alice.data('n').length;
        await external.publish(channel, envelopeOf(randomBytes(8), 1, n));
        await until(
          () => alice.data('n').length > before,
          () => 'the event',
        );
      }
      await until(repaired, () => 'the end of the repair');
    }
    expect(gaps).toEqual([]);
    expect(alice.data('n')).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
  });

  it('is told of a gap although somebody published in the name of the instance, with a huge number', async () => {
    await start({ repair: { maxBytes: 1_024 } });
    const instanceId = instanceIdOf(cluster.instance(1));
    await external.publish(
      cluster.channel('user:alice'),
      envelopeOf(Buffer.from(instanceId, 'hex'), 2 ** 40, 'forged'),
    );
    await has('forged');
    const letGo = await cutOff();
    for (let n = 1; n <= 40; n++) await tell(n);
    letGo();
    await until(
      () => alice.data('n').at(-1) === 40,
      () => 'the last event',
    );
    const [, first] = alice.data('n') as [string, number];
    expect(first).toBeGreaterThan(2);
    expect(alice.data('n')).toEqual([
      'forged',
      ...Array.from({ length: 41 - first }, (__, i) => first + i),
    ]);
    expect(gaps).toMatchObject([{ instanceId, to: first - 1, reason: 'forgotten' }]);
  });

  it('gets what it has missed, and is told of the rest, although made-up ids have cleared the log of what it received', async () => {
    const first = await start({ repair: { maxBytes: 1_024 } });
    const instanceId = instanceIdOf(cluster.instance(1));
    for (let n = 1; n <= 3; n++) await tell(n);
    await has(1, 2, 3);
    const { log } = first.app.get<Runtime>(RUNTIME).router.receiver;
    for (let n = 0; n < MORE_IDS; n++) log.add(n.toString(16).padStart(16, '0'), 1, 0);
    expect(log.lastOf(instanceId)).toBe(0);
    const letGo = await cutOff();
    for (let n = 4; n <= 40; n++) await tell(n);
    letGo();
    await until(
      () => alice.data('n').at(-1) === 40,
      () => 'the last event',
    );
    const [, , , next] = alice.data('n') as [number, number, number, number];
    const rest = Array.from({ length: 41 - next }, (_, i) => next + i);
    expect(alice.data('n')).toEqual([1, 2, 3, ...rest]);
    expect(gaps).toMatchObject([{ instanceId, to: next - 1, reason: 'forgotten' }]);
  });

  it('sends what has waited in the order of the emits, whatever their targets', async () => {
    const first = await start();
    const bob = await cluster.instance(1).connect({ token: 'bob' });
    await until(
      () => cluster.instance(1).redis.state === 'ready',
      () => 'the channels of bob to be subscribed',
    );
    const { propagator } = first;
    // The instance writes to a connection that is gone.
    proxy.cutThose(false);
    const sent = Array.from({ length: 10 }, (_, data) =>
      data % 2 === 0
        ? propagator.emitToAll({ event: 'n', data })
        : propagator.emitToUser({ userId: 'bob', event: 'n', data }),
    );
    await Promise.all(sent);
    await bob.waitFor('n', sent.length);
    await cluster.settled(bob);
    expect(bob.data('n')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('gets what it has missed in two outages in a row', async () => {
    await start();
    let letGo = await cutOff();
    await tell(1);
    letGo();
    letGo = await cutOff();
    await tell(2);
    letGo();
    await tell(3);
    await has(1, 2, 3);
    expect(gaps).toEqual([]);
  });
});
