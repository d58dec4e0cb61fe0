import type * as Otel from '@opentelemetry/api';
import { reasonOf } from '../errors.js';
import type { TrafficByTarget, TrafficTarget } from '../reporting/traffic.js';
import type { PubSubState } from '../ports/pub-sub.js';
import type { InstanceView, RecoveryState } from './instance-view.js';
import { SCOPE } from './scope.js';
import { VERSION } from './version.js';

/** The buckets of durations: from a tenth of a millisecond to half a minute. */
const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  30,
];

type Kind = 'counter' | 'gauge' | 'histogram';

interface Description {
  readonly kind: Kind;
  readonly unit: string;
  readonly description: string;
}

function described(kind: Kind, unit: string, description: string): Description {
  return { kind, unit, description };
}

/** Every metric by name. docs/observability.md lists the same ones, and a test compares the two. @internal */
export const METRICS = {
  'propagator.events.sent': described('counter', '{event}', 'Events published, by target'),
  'propagator.events.received': described(
    'counter',
    '{event}',
    'Events received from other instances and from outside, by target',
  ),
  'propagator.events.delivered': described(
    'counter',
    '{event}',
    'Events written to sockets of this instance, once per socket, by target',
  ),
  'propagator.io.sent': described('counter', 'By', 'Bytes of envelopes published, by target'),
  'propagator.io.received': described('counter', 'By', 'Bytes of messages received, by target'),
  'propagator.io.delivered': described('counter', 'By', 'Bytes written to sockets, by target'),
  'propagator.publish.duration': described(
    'histogram',
    's',
    'Time from the call of a verb until Redis has the event, by target',
  ),
  'propagator.delivery.lag': described(
    'histogram',
    's',
    'Time from the call of a verb on another instance until the event is written here, by target',
  ),
  'propagator.drops': described(
    'counter',
    '{occurrence}',
    'Events, messages and clients that were dropped, refused or late, by reason',
  ),
  'propagator.gaps': described(
    'counter',
    '{gap}',
    'Ranges of events of another instance that may be lost',
  ),
  'propagator.reconnects': described(
    'counter',
    '{reconnect}',
    'Reconnections to Redis after an outage',
  ),
  'propagator.repairs': described(
    'counter',
    '{repair}',
    'Requests to the other instances for missed events',
  ),
  'propagator.ready': described(
    'gauge',
    '{instance}',
    '1 while events pass between instances, else 0',
  ),
  'propagator.subscriptions': described('gauge', '{channel}', 'Subscribed channels'),
  'propagator.members': described('gauge', '{instance}', 'Members, including this instance'),
  'propagator.sockets': described('gauge', '{socket}', 'Connected sockets of this instance'),
  'propagator.users': described('gauge', '{user}', 'Users with a socket on this instance'),
  'propagator.overloaded': described(
    'gauge',
    '{instance}',
    '1 while the instance is overloaded, else 0',
  ),
  'propagator.event_loop.delay': described(
    'gauge',
    's',
    'Delay of the event loop at the last measurement',
  ),
  'propagator.publish.pending': described(
    'gauge',
    '{event}',
    'Publishes that wait for a reply from Redis, including those in the outbox',
  ),
  'propagator.outbox.events': described('gauge', '{event}', 'Events that wait for Redis'),
  'propagator.outbox.size': described('gauge', 'By', 'Bytes of the events that wait for Redis'),
  'propagator.recoveries': described(
    'counter',
    '{client}',
    'Clients that came back, by result: recovered, or the reason for a new connection',
  ),
  'propagator.recovery.duration': described(
    'histogram',
    's',
    'Time from the return of a client until it is connected, by result',
  ),
  'propagator.recovery.events': described(
    'counter',
    '{event}',
    'Events that recovered clients had missed, and got',
  ),
  'propagator.recovery.away': described(
    'gauge',
    '{client}',
    'Clients that are away and may come back',
  ),
  'propagator.recovery.size': described(
    'gauge',
    'By',
    'Bytes of the events that are kept for clients that come back',
  ),
  'propagator.repair.held': described(
    'gauge',
    'By',
    'Bytes of events that wait for earlier, missed events',
  ),
} as const satisfies Record<string, Description>;

/**
 * Kinds that a healthy app counts all the time. They are not part of `propagator.drops`, so that alerts on it work.
 */
const NORMAL: ReadonlySet<string> = new Set([
  'auth.expired',
  'event.repeated',
  'event.replaced',
  'recovery.other-user',
  'recovery.unknown-session',
  'volatile.dropped',
]);

type MetricName = keyof typeof METRICS;

type Observe = (name: MetricName, value: number, attributes?: Otel.Attributes) => void;

/** Returns undefined if no SDK is registered to read the metrics. @internal */
export function startMetrics(
  { metrics, createNoopMeter }: typeof Otel,
  view: InstanceView,
): (() => void) | undefined {
  const meter = metrics.getMeter(SCOPE, VERSION);
  if (meter === createNoopMeter()) return undefined;
  const reconnects = { count: 0 };
  const watch = watchReconnects(view, reconnects);
  const instruments = new Map<string, Otel.Observable>();
  for (const [name, { kind, ...options }] of Object.entries(METRICS)) {
    if (kind === 'counter') instruments.set(name, meter.createObservableCounter(name, options));
    if (kind === 'gauge') instruments.set(name, meter.createObservableGauge(name, options));
  }
  const observables = [...instruments.values()];
  const attributes = attributesOf(view.router.instanceId);
  const callback: Otel.BatchObservableCallback = (result) => {
    try {
      observeAll(view, attributes, reconnects.count, (name, value, given = attributes.all) => {
        const instrument = instruments.get(name);
        if (instrument !== undefined) result.observe(instrument, value, given);
      });
    } catch (error) {
      view.reporter.report('metrics.failed', () => reasonOf(error));
    }
  };
  meter.addBatchObservableCallback(callback, observables);
  const { traffic } = view.telemetry;
  traffic.published = timing(meter, 'propagator.publish.duration', attributes.of);
  traffic.lagged = timing(meter, 'propagator.delivery.lag', attributes.of);
  const returns = histogramOf(meter, 'propagator.recovery.duration');
  view.telemetry.cameBack = (seconds, result) =>
    returns.record(seconds, { ...attributes.all, 'propagator.result': result });
  return () => {
    meter.removeBatchObservableCallback(callback, observables);
    traffic.published = undefined;
    traffic.lagged = undefined;
    view.telemetry.cameBack = undefined;
    watch.unsubscribe();
  };
}

function timing(
  meter: Otel.Meter,
  name: MetricName,
  attributes: Attributes['of'],
): (seconds: number, target: TrafficTarget) => void {
  const histogram = histogramOf(meter, name);
  return (seconds, target) => histogram.record(seconds, attributes[target]);
}

function histogramOf(meter: Otel.Meter, name: MetricName): Otel.Histogram {
  const { unit, description } = METRICS[name];
  const advice = { explicitBucketBoundaries: SECONDS };
  return meter.createHistogram(name, { unit, description, advice });
}

interface Attributes {
  /** For durations without a target. */
  readonly all: Otel.Attributes;
  readonly of: Readonly<Record<TrafficTarget, Otel.Attributes>>;
}

/** Created once, to avoid an object for each event. Several apps in one process share a meter. */
function attributesOf(instanceId: string): Attributes {
  const all = { 'propagator.instance.id': instanceId };
  const of = (target: TrafficTarget): Otel.Attributes => ({ ...all, 'propagator.target': target });
  return {
    all,
    of: {
      all: of('all'),
      authenticated: of('authenticated'),
      user: of('user'),
      room: of('room'),
    },
  };
}

function watchReconnects({ pubSub }: InstanceView, reconnects: { count: number }) {
  let degraded = false;
  // This cannot fail.
  const count = (state: PubSubState): void => {
    if (state === 'ready' && degraded) reconnects.count++;
    degraded = state === 'degraded';
  };
  return pubSub.state$.subscribe(count);
}

function observeAll(
  view: InstanceView,
  attributes: Attributes,
  reconnects: number,
  observe: Observe,
): void {
  const { cluster, pubSub, reporter, router, state, subscriptions, telemetry } = view;
  const { sent, received, delivered } = telemetry.traffic;
  const observeTraffic = (
    traffic: TrafficByTarget,
    events: MetricName,
    bytes: MetricName,
  ): void => {
    for (const [target, count] of Object.entries(traffic)) {
      observe(events, count.events, attributes.of[target as TrafficTarget]);
      observe(bytes, count.bytes, attributes.of[target as TrafficTarget]);
    }
  };
  observeTraffic(sent, 'propagator.events.sent', 'propagator.io.sent');
  observeTraffic(received, 'propagator.events.received', 'propagator.io.received');
  observeTraffic(delivered, 'propagator.events.delivered', 'propagator.io.delivered');
  const counts = reporter.counts();
  for (const [reason, count] of Object.entries(counts)) {
    if (NORMAL.has(reason)) continue;
    observe('propagator.drops', count, { ...attributes.all, 'propagator.reason': reason });
  }
  observe('propagator.gaps', counts['event.gap'] ?? 0);
  observe('propagator.reconnects', reconnects);
  observe('propagator.ready', pubSub.state === 'ready' ? 1 : 0);
  observe('propagator.subscriptions', subscriptions.size);
  observe('propagator.members', cluster.members().length);
  observe('propagator.sockets', router.namespaces.socketCount);
  observe('propagator.users', state.userCount);
  const { overloaded, eventLoopDelayMs } = telemetry.load.state;
  observe('propagator.overloaded', overloaded ? 1 : 0);
  observe('propagator.event_loop.delay', eventLoopDelayMs / 1_000);
  observe('propagator.publish.pending', router.pendingPublishes);
  const { events, bytes } = router.publisher.backlog;
  observe('propagator.outbox.events', events);
  observe('propagator.outbox.size', bytes);
  const { repairs, heldBytes } = view.repair();
  observe('propagator.repairs', repairs);
  observe('propagator.repair.held', heldBytes);
  observeRecovery(view.recovery(), attributes, observe);
}

function observeRecovery(
  recovery: RecoveryState | null,
  attributes: Attributes,
  observe: Observe,
): void {
  const results = { recovered: recovery?.recovered ?? 0, ...recovery?.failures };
  for (const [result, count] of Object.entries(results)) {
    observe('propagator.recoveries', count, { ...attributes.all, 'propagator.result': result });
  }
  observe('propagator.recovery.events', recovery?.events ?? 0);
  observe('propagator.recovery.away', recovery?.away ?? 0);
  observe('propagator.recovery.size', recovery?.bytes ?? 0);
}
