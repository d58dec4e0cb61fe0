import { trace as tracer, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it } from '@jest/globals';
import { RUNTIME } from '../../../src/nest/tokens.js';
import type { Runtime } from '../../../src/nest/runtime.js';
import { decodeEnvelope, type Envelope } from '../../../src/wire/envelope.js';
import { ObservedTraces } from '../../support/open-telemetry.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

describe('traces', () => {
  let observed: ObservedTraces | undefined;
  let cluster: TestCluster;
  afterEach(async () => {
    await cluster.close();
    await observed?.close();
    observed = undefined;
  });

  /** The bytes that instances publish on a channel. */
  function watch(target: string): Buffer[] {
    const seen: Buffer[] = [];
    const channel = cluster.channel(target);
    cluster.instance(0).pubSub.onMessage((name, bytes) => {
      if (name === channel) seen.push(Buffer.from(bytes));
    });
    return seen;
  }
  const spans = (name: string, count: number) =>
    until(
      () => (observed?.named(name).length ?? 0) >= count,
      () => `${count} spans "${name}"`,
    );

  it('lead from a handler on one instance to the delivery on another', async () => {
    observed = new ObservedTraces();
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const far = await b.connect({ token: 'alice' });
    await tracer.getTracer('app').startActiveSpan('handler', async (span) => {
      await a.propagator.emitToUser({ userId: 'alice', event: 'order', data: 1 });
      span.end();
    });
    await far.waitFor('order', 1);
    await spans('propagator deliver', 1);

    const [handler] = observed.named('handler');
    const [send, ...others] = observed.named('propagator send');
    const [deliver, ...more] = observed.named('propagator deliver');
    expect([others, more]).toEqual([[], []]);
    const traceId = handler?.spanContext().traceId;
    expect(send?.spanContext().traceId).toBe(traceId);
    expect(deliver?.spanContext().traceId).toBe(traceId);
    expect(send?.parentSpanContext?.spanId).toBe(handler?.spanContext().spanId);
    expect(deliver?.parentSpanContext).toMatchObject({
      spanId: send?.spanContext().spanId,
      isRemote: true,
    });
    const size = send?.attributes['messaging.message.envelope.size'];
    expect(send).toMatchObject({
      kind: SpanKind.PRODUCER,
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        'messaging.system': 'propagator',
        'messaging.operation.type': 'send',
        'messaging.operation.name': 'send',
        'messaging.destination.name': '/:user',
        'messaging.client.id': a.app.get<Runtime>(RUNTIME).router.instanceId,
        'propagator.event.name': 'order',
        'propagator.sockets': 0,
      },
    });
    expect(size).toBeGreaterThan(28 + 27);
    expect(deliver).toMatchObject({
      kind: SpanKind.CONSUMER,
      attributes: {
        'messaging.system': 'propagator',
        'messaging.operation.type': 'process',
        'messaging.operation.name': 'deliver',
        'messaging.destination.name': '/:user',
        'messaging.message.envelope.size': size,
        'messaging.client.id': b.app.get<Runtime>(RUNTIME).router.instanceId,
        'propagator.sockets': 1,
      },
    });
    // The recipients are not in the trace.
    const told = observed.named('propagator send').concat(observed.named('propagator deliver'));
    expect(JSON.stringify(told.map(({ attributes }) => attributes))).not.toContain('alice');
  });

  it('contain one span for an event to several users, and spans for Socket.IO’s own emits', async () => {
    observed = new ObservedTraces();
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const alice = await b.connect({ token: 'alice' });
    const bob = await b.connect({ token: 'bob' });
    await a.propagator.emitToUsers({ userIds: ['alice', 'bob'], event: 'x' });
    await Promise.all([alice.waitFor('x', 1), bob.waitFor('x', 1)]);
    a.app.get(PlainGateway).server.emit('y');
    await Promise.all([alice.waitFor('y', 1), bob.waitFor('y', 1)]);
    await spans('propagator deliver', 3);
    const sends = observed.named('propagator send');
    expect(sends.map(({ attributes }) => attributes['propagator.event.name'])).toEqual(['x', 'y']);
    expect(sends[0]?.attributes['propagator.targets']).toBe(2);
    const parents = observed
      .named('propagator deliver')
      .map((span) => span.parentSpanContext?.spanId);
    const [x, y] = sends.map((span) => span.spanContext().spanId);
    expect(parents).toEqual([x, x, y]);
  });

  it('show failures', async () => {
    observed = new ObservedTraces();
    cluster = await givenCluster().of(1).start();
    const { propagator } = cluster.instance(0);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    await expect(propagator.emitToAll({ event: 'x', data: cycle })).rejects.toMatchObject({
      code: 'event.unserialisable',
    });
    expect(observed.named('propagator send')).toMatchObject([
      {
        status: { code: SpanStatusCode.ERROR },
        attributes: { 'error.type': 'event.unserialisable' },
      },
    ]);
  });

  it('put their context into envelopes, sampled or not', async () => {
    observed = new ObservedTraces(new AlwaysOffSampler());
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    const instance = cluster.instance(0);
    const client = await instance.connect();
    const seen = watch('all');
    await instance.propagator.emitToAll({ event: 'x' });
    await client.waitFor('x', 1);
    await until(
      () => seen.length === 1,
      () => 'the envelope',
    );
    expect((decodeEnvelope(seen[0] as Buffer) as Envelope).trace).toMatchObject({ flags: 0 });
    expect(observed.named('propagator send')).toEqual([]);
  });

  it('put no byte into envelopes without tracing, and read none', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    const instance = cluster.instance(0);
    const client = await instance.connect();
    const seen = watch('all');
    await instance.propagator.emitToAll({ event: 'x', data: 1 });
    await client.waitFor('x', 1);
    await until(
      () => seen.length === 1,
      () => 'the envelope',
    );
    const [bytes] = seen as [Buffer];
    expect(bytes.readUInt16BE(2) & 128).toBe(0);
    expect(bytes.length).toBe(28 + 2 + '42["x",1]'.length);
  });

  it('end at an instance without tracing: its clients still get their events', async () => {
    const traces = new ObservedTraces();
    observed = traces;
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured((instance) => {
        if (instance > 0) traces.forget();
        return {};
      })
      .start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const far = await b.connect({ token: 'alice' });
    const near = await a.connect({ token: 'alice' });
    await a.propagator.emitToUser({ userId: 'alice', event: 'x' });
    await b.propagator.emitToUser({ userId: 'alice', event: 'y' });
    await Promise.all(
      [far, near].map(async (client) => {
        await client.waitFor('x', 1);
        await client.waitFor('y', 1);
      }),
    );
    await cluster.settled(far, near);
    expect(far.data('x')).toHaveLength(1);
    const named = (name: string) =>
      traces
        .named(name)
        .filter(({ attributes }) => attributes['messaging.destination.name'] === '/:user');
    expect([named('propagator send').length, named('propagator deliver').length]).toEqual([1, 0]);
  });

  it('cannot prevent the delivery of an event, whatever the app’s span processors do', async () => {
    observed = new ObservedTraces(undefined, {
      onStart: () => {
        throw new Error('onStart');
      },
      onEnd: () => {
        throw new Error('onEnd');
      },
      forceFlush: async () => {},
      shutdown: async () => {},
    });
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const far = await b.connect({ token: 'alice' });
    await a.propagator.emitToUser({ userId: 'alice', event: 'x' });
    await far.waitFor('x', 1);
    await cluster.settled(far);
    expect(far.data('x')).toHaveLength(1);
  });
});
