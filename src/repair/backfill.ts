import type { ClusterService } from '../cluster/cluster.service.js';
import type { EventGap } from '../cluster/event-gap.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Arrival } from '../routing/event-receiver.js';
import type { ReceivedLog } from '../routing/received-log.js';
import type { Envelope, InstanceId } from '../wire/envelope.js';
import { fnv1a } from '../wire/fnv.js';
import type { Repaired } from './repair-server.js';
import { soon } from '../reporting/timers.js';

/** Ages are measured on another instance, and the reply takes time to arrive. */
const MARGIN_MS = 5_000;
/**
 * On a Cluster a repair reply can arrive before the originals, which use another connection. Check for duplicates
 * for this long.
 */
const DUPLICATES_MS = 30_000;
/** The maximum size of held events. Beyond it they are delivered before the missed ones. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;

interface BackfillDeps {
  readonly cluster: Pick<ClusterService, 'reportGap'>;
  readonly reporter: Reporter;
  readonly log: ReceivedLog;
  deliver(arrival: Arrival): void;
}

/**
 * Delivers missed events, then the live events that were held back for them: each once, in order.
 *
 * @internal
 */
export class Backfill {
  private readonly held = new HoldBackQueue();
  /** Until when events of each instance may be duplicates. */
  private readonly duplicatesUntil = new Map<InstanceId, number>();
  /** Ranges dropped in this tick as possible duplicates; reported as one gap per origin. */
  private readonly uncertain = new Map<InstanceId, { from: number; to: number }>();

  constructor(private readonly deps: BackfillDeps) {}

  /** The size of held events. */
  get bytes(): number {
    return this.held.bytes;
  }

  /**
   * Whether an event is a duplicate, or may be one and the received log no longer reaches back: that is reported as
   * a gap.
   */
  isDuplicate(envelope: Envelope, channel: string): boolean {
    if (!this.mayBeDuplicate(envelope)) return false;
    const { log, reporter } = this.deps;
    const { origin, sequence } = envelope;
    if (log.has(origin, sequence, fnv1a(channel))) {
      reporter.count('event.repeated');
      return true;
    }
    if (!this.isUncertain(envelope)) return false;
    this.recordUncertain(origin, sequence);
    return true;
  }

  hold(origin: InstanceId, arrival: Arrival): void {
    this.held.hold(origin, arrival);
    if (this.held.bytes <= MAX_HELD_BYTES) return;
    this.deps.reporter.report(
      'repair.overflow',
      () => 'too many events arrived during the repair: they are delivered before the missed ones',
    );
    this.releaseAll();
  }

  /**
   * Delivers missed events. Events that arrived since are still held: they are newer, or also in the reply.
   *
   * @param heard the highest number received from the instance before
   */
  deliver(origin: InstanceId, { envelopes, forgotten }: Repaired, heard: number): void {
    if (forgotten !== undefined && forgotten > heard) {
      this.gap(origin, { from: heard + 1, to: forgotten, reason: 'forgotten' });
    }
    const covered = this.deps.log.coversMs - MARGIN_MS;
    let [from, to] = [Infinity, 0];
    for (const { ageMs, arrival } of envelopes) {
      const { sequence } = arrival;
      if (ageMs < covered) this.deliverOnce(origin, { ...arrival, sentAt: Date.now() - ageMs });
      // The received log does not reach back to it. Events that waited in an outbox arrive after higher numbers.
      else if (!this.hasReceived(origin, arrival)) {
        [from, to] = [Math.min(from, sequence), Math.max(to, sequence)];
      }
    }
    if (from <= to) this.gap(origin, { from, to, reason: 'forgotten' });
  }

  /**
   * Delivers the held events of an instance that has replied completely.
   *
   * @param stillPending channels whose earlier events are still missing: their events stay held
   */
  release(origin: InstanceId, stillPending?: StillPending): void {
    this.watchForDuplicates(origin);
    for (const arrival of this.held.release(origin, stillPending))
      this.deliverOnce(origin, arrival);
  }

  releaseAll(stillPending?: StillPending): void {
    for (const origin of this.held.origins()) this.release(origin, stillPending);
  }

  gap(origin: InstanceId, gap: Omit<EventGap, 'instanceId'>): void {
    const { from, to, reason } = gap;
    this.deps.reporter.report(
      'event.gap',
      () =>
        `events of instance ${origin} may be lost, from number ${from} to ${to ?? 'an unknown one'} (${reason})`,
    );
    this.deps.cluster.reportGap({ instanceId: origin, ...gap });
  }

  clear(): void {
    this.held.clear();
    this.duplicatesUntil.clear();
    this.uncertain.clear();
  }

  private mayBeDuplicate({ origin, repeated }: Envelope): boolean {
    if (repeated) {
      // Events that it repeats may still arrive over a connection that was given up.
      this.watchForDuplicates(origin);
      return true;
    }
    if (this.duplicatesUntil.size === 0) return false;
    const until = this.duplicatesUntil.get(origin);
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    this.duplicatesUntil.delete(origin);
    return false;
  }

  /** Whether it was sent before the log begins. A number above all received ones is new in any case. */
  private isUncertain({ origin, sequence, sentAt, repeated }: Envelope): boolean {
    const { log } = this.deps;
    if (!repeated || sequence > log.lastOf(origin)) return false;
    return Date.now() - sentAt >= log.coversMs - MARGIN_MS;
  }

  /** Many repeated events may arrive at once: they are reported as one gap. */
  private recordUncertain(origin: InstanceId, sequence: number): void {
    const { uncertain } = this;
    if (uncertain.size === 0) {
      const failed = this.deps.reporter.failure('repair.failed', () => 'possible duplicates');
      soon(failed, () => this.reportUncertain());
    }
    const { from, to } = uncertain.get(origin) ?? { from: sequence, to: sequence };
    uncertain.set(origin, { from: Math.min(from, sequence), to: Math.max(to, sequence) });
  }

  private reportUncertain(): void {
    for (const [origin, numbers] of this.uncertain) {
      this.gap(origin, { ...numbers, reason: 'forgotten' });
    }
    this.uncertain.clear();
  }

  private watchForDuplicates(origin: InstanceId): void {
    const now = performance.now();
    for (const [other, until] of this.duplicatesUntil)
      if (until < now) this.duplicatesUntil.delete(other);
    this.duplicatesUntil.set(origin, now + DUPLICATES_MS);
  }

  private deliverOnce(origin: InstanceId, arrival: Arrival): void {
    if (this.hasReceived(origin, arrival)) return;
    this.deps.log.add(origin, arrival.sequence, fnv1a(arrival.channel));
    this.deps.deliver(arrival);
  }

  private hasReceived(origin: InstanceId, { channel, sequence }: Arrival): boolean {
    return this.deps.log.has(origin, sequence, fnv1a(channel));
  }
}

/** Channels whose events stay held. */
type StillPending = Pick<ReadonlySet<string>, 'has'>;

/** Held envelopes that wait for earlier ones of the same origin. */
class HoldBackQueue {
  private readonly byOrigin = new Map<InstanceId, Arrival[]>();
  private heldBytes = 0;

  get bytes(): number {
    return this.heldBytes;
  }

  hold(origin: InstanceId, arrival: Arrival): void {
    const arrivals = this.byOrigin.get(origin);
    if (arrivals === undefined) this.byOrigin.set(origin, [arrival]);
    else arrivals.push(arrival);
    this.heldBytes += arrival.bytes.length;
  }

  origins(): InstanceId[] {
    return [...this.byOrigin.keys()];
  }

  clear(): void {
    this.byOrigin.clear();
    this.heldBytes = 0;
  }

  /**
   * Takes the envelopes of an origin, in the order of sending; they are no longer held.
   *
   * @param stillPending channels whose events stay held
   */
  release(origin: InstanceId, stillPending?: StillPending): Arrival[] {
    const arrivals = this.byOrigin.get(origin) ?? [];
    this.byOrigin.delete(origin);
    const released: Arrival[] = [];
    for (const arrival of arrivals) {
      this.heldBytes -= arrival.bytes.length;
      if (stillPending?.has(arrival.channel) === true) this.hold(origin, arrival);
      else released.push(arrival);
    }
    return released.sort((a, b) => a.sequence - b.sequence);
  }
}
