import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Channels } from '../../../src/channels/channels.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { InMemoryBus, InMemoryPubSub } from '../../../src/redis/in-memory-pub-sub.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { EventRouter } from '../../../src/routing/event-router.js';
import { Telemetry } from '../../../src/routing/telemetry.js';
import { decodeEnvelope } from '../../../src/wire/envelope.js';
import type { Target } from '../../../src/wire/channel-names.js';
import { Deferred } from '../../support/deferred.js';
import { FakeNamespace } from '../../support/fake-namespace.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const ALL: Target = { kind: 'all', namespace: '/' };
const LOBBY: Target = { kind: 'room', namespace: '/', id: 'lobby' };
const user = (id: string): Target => ({ kind: 'user', namespace: '/', id });
const tick = { namespace: '/', data: ['tick', { n: 1 }] };

/** Arrivals take two turns of the event loop in memory. */
async function arrivals(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Records the order of publishes and deliveries. */
class RecordingPubSub extends InMemoryPubSub {
  readonly published: { readonly channel: string; readonly bytes: Buffer }[] = [];

  constructor(
    bus: InMemoryBus,
    private readonly steps: string[],
  ) {
    super(bus);
  }

  override publish(channel: string, bytes: Buffer): Promise<number> {
    this.steps.push(`publish ${channel}`);
    this.published.push({ channel, bytes: Buffer.from(bytes) });
    return super.publish(channel, bytes);
  }
}

function instance(bus: InMemoryBus, secret?: string) {
  const steps: string[] = [];
  const pubSub = new RecordingPubSub(bus, steps);
  const logger = new MemoryLogger();
  const base = { pubSub, logger, prefix: 'app', maxMessageBytes: 10_000 };
  const options = { ...base, ...(secret === undefined ? {} : { secret }) };
  const resolved = resolveOptions(options, logger);
  const reporter = new Reporter(logger);
  const telemetry = new Telemetry();
  const router = new EventRouter(
    pubSub,
    new Channels(pubSub, reporter),
    resolved,
    reporter,
    telemetry,
  );
  const namespace = new FakeNamespace('/', () => steps.push('deliver'));
  router.namespaces.add(namespace);
  return { router, namespace, pubSub, steps, reporter, telemetry };
}

const NOBODY = { localSockets: 0, remoteInstances: 0, reached: false };
const CONTEXT = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, state: '' };

/** Records what spans get. */
function recordSpans(telemetry: Telemetry): string[] {
  const spans: string[] = [];
  telemetry.tracing = {
    send: (name) => ({
      context: CONTEXT,
      sending: ({ target, targets }, local) =>
        spans.push(`${name}: ${target} ${targets}, ${local} socket(s)`),
      endWith: (outcome) => void outcome.then(() => spans.push(`${name}: ended`)),
      failed: () => spans.push(`${name}: failed`),
    }),
    deliver: (_context, _event, deliver) => deliver(),
    cameBack: () => undefined,
  };
  return spans;
}

describe('the event router', () => {
  let here: ReturnType<typeof instance>;
  let there: ReturnType<typeof instance>;

  beforeEach(() => {
    const bus = new InMemoryBus();
    here = instance(bus);
    there = instance(bus);
  });
  afterEach(() => {
    for (const { router } of [here, there]) router.close();
  });

  it('delivers to the sockets of this instance first, then publishes', async () => {
    const hold = there.router.hold(user('alice'));
    await hold.ready;
    const sent = here.router.send(user('alice'), tick);
    expect(here.steps).toEqual(['deliver', 'publish app:/:user:alice']);
    expect(await sent).toEqual({ localSockets: 1, remoteInstances: 1, reached: true });
    await arrivals();
    const rooms = here.namespace.deliveries.map((delivery) => delivery.rooms);
    expect(there.namespace.deliveries.map((delivery) => delivery.rooms)).toEqual(rooms);
    expect(there.namespace.deliveries[0]?.packet.frames).toEqual(
      here.namespace.deliveries[0]?.packet.frames,
    );
  });

  it('encodes an event for several targets once, and publishes it to the channel of each', async () => {
    const targets = ['alice', 'bob', 'carol'].map(user);
    const receipts = await here.router.sendToEach(targets, tick);
    expect(here.namespace.encoded).toBe(1);
    expect(receipts).toHaveLength(3);
    expect(here.pubSub.published.map(({ channel }) => channel)).toEqual([
      'app:/:user:alice',
      'app:/:user:bob',
      'app:/:user:carol',
    ]);
    const [first, ...others] = here.pubSub.published.map(({ bytes }) => bytes);
    for (const bytes of others) expect(bytes).toEqual(first);
    expect(here.telemetry.traffic.sent.user.events).toBe(3);
    expect(here.telemetry.traffic.delivered.user.events).toBe(3);
  });

  it('signs each copy for its own channel', async () => {
    const bus = new InMemoryBus();
    const secret = 'a secret of at least thirty-two characters';
    const [signing, verifying] = [instance(bus, secret), instance(bus, secret)];
    const targets = [user('alice'), user('bob')];
    await Promise.all(targets.map((target) => verifying.router.hold(target).ready));
    await signing.router.sendToEach(targets, tick);
    await arrivals();
    expect(signing.namespace.encoded).toBe(1);
    expect(verifying.namespace.deliveries).toHaveLength(2);
    expect(verifying.reporter.counts()).toEqual({});
    for (const { router } of [signing, verifying]) router.close();
  });

  it('numbers its events, and names its instance in them', async () => {
    await here.router.send(ALL, tick);
    await here.router.send(user('alice'), tick);
    const envelopes = here.pubSub.published.map(({ bytes }) => decodeEnvelope(bytes));
    expect(envelopes).toMatchObject(
      [1, 2].map((sequence) => ({ sequence, origin: here.router.instanceId })),
    );
  });

  it('drops its own events, which come back over a channel that it holds', async () => {
    await here.router.hold(ALL).ready;
    const receipt = await here.router.send(ALL, tick);
    await arrivals();
    expect(here.namespace.deliveries).toHaveLength(1);
    expect(receipt.remoteInstances).toBe(0);
    expect(here.telemetry.traffic.received.all.events).toBe(0);
    expect(here.reporter.counts()).toEqual({});
  });

  it('keeps a channel for its last holder', async () => {
    const holds = [there.router.hold(LOBBY), there.router.hold(LOBBY)];
    await Promise.all(holds.map((hold) => hold.ready));
    holds[0]?.release();
    expect((await here.router.send(LOBBY, tick)).remoteInstances).toBe(1);
    expect([...there.router.receiver.channels()]).toEqual(['app:/:room:lobby']);
    holds[1]?.release();
    expect((await here.router.send(LOBBY, tick)).remoteInstances).toBe(0);
    expect([...there.router.receiver.channels()]).toEqual([]);
  });

  it('sends a broadcast to one room over its channel, but over that of the namespace while sockets are joining', async () => {
    const event = { ...tick, rooms: ['lobby'] };
    await here.router.broadcast(event);
    const joined = new Deferred();
    here.router.pendingJoins.add('/', ['lobby'], joined.promise);
    await here.router.broadcast(event);
    await here.router.broadcast({ ...tick, rooms: ['other'] });
    joined.resolve();
    await arrivals();
    await here.router.broadcast(event);
    await here.router.broadcast({ ...tick, rooms: ['lobby', 'other'] });
    expect(here.pubSub.published.map(({ channel }) => channel)).toEqual([
      'app:/:room:lobby',
      'app:/:all',
      'app:/:room:other',
      'app:/:room:lobby',
      'app:/:all',
    ]);
  });

  it('drops a volatile event while this instance is overloaded', async () => {
    here.telemetry.load.measured({ reasons: ['redis'], eventLoopDelayMs: 0, pendingPublishes: 1 });
    const event = { ...tick, volatile: true };
    expect(await here.router.send(ALL, event)).toEqual(NOBODY);
    expect(await here.router.sendToEach([ALL, LOBBY], event)).toEqual([NOBODY, NOBODY]);
    expect(here.steps).toEqual([]);
    expect(here.reporter.counts()).toEqual({ 'volatile.shed': 2 });
  });

  it('gives each event a span, which ends with the receipt, or at once where the event cannot be sent', async () => {
    const spans = recordSpans(here.telemetry);
    await here.router.send(user('alice'), tick);
    await here.router.sendToEach([user('bob'), user('carol')], tick);
    const refused = { namespace: '/', data: ['large', 'x'.repeat(10_000)] };
    expect(() => here.router.send(ALL, refused)).toThrow('event.too-large');
    expect(() => here.router.sendToEach([ALL], refused)).toThrow('event.too-large');
    expect(spans).toEqual([
      'tick: user 1, 1 socket(s)',
      'tick: ended',
      'tick: user 2, 2 socket(s)',
      'tick: ended',
      'large: failed',
      'large: failed',
    ]);
    const [first] = here.pubSub.published.map(({ bytes }) => decodeEnvelope(bytes));
    expect(first).toMatchObject({ trace: CONTEXT });
  });

  it('refuses names that are too long, before anything is delivered', () => {
    const long = user('x'.repeat(10_000));
    expect(() => here.router.send(long, tick)).toThrow('name.too-long');
    expect(() => here.router.sendToEach([user('alice'), long], tick)).toThrow('name.too-long');
    expect(here.steps).toEqual([]);
  });

  it('reports a publish that fails, whose promise may be ignored', async () => {
    here.pubSub.publish = () => Promise.reject(new Error('of a test'));
    here.router.emit(tick);
    void here.router.send(user('alice'), tick);
    await arrivals();
    expect(here.namespace.deliveries).toHaveLength(2);
    expect(here.reporter.counts()).toEqual({ 'publish.failed': 2 });
    expect(here.router.pendingPublishes).toBe(0);
  });

  it('delivers an emitted event that is too large to its own sockets, and reports that', () => {
    here.router.emit({ namespace: '/', data: ['large', 'x'.repeat(10_000)] });
    expect(here.steps).toEqual(['deliver']);
    expect(here.reporter.counts()).toEqual({ 'emit.refused': 1 });
  });
});
