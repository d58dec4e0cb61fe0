import type { ClusterService } from '../cluster/cluster.service.js';
import type { EventGap } from '../cluster/event-gap.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Arrival } from '../routing/event-receiver.js';
import type { ReceivedLog } from '../routing/received-log.js';
import type { Envelope, InstanceId } from '../wire/envelope.js';
import { fnv1a } from '../wire/fnv.js';
import type { Repaired } from './repair-server.js';
import { soon } from '../reporting/timers.js';

/** Ages are measured elsewhere, and take their time to get here. */
const MARGIN_MS = 5_000;
/** An answer may overtake what it has in it, on another connection of a Cluster: for so long it may come twice. */
const TWICE_MS = 30_000;
/** What is held is let go of rather than take more than that. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;

interface BackfillDeps {
  readonly cluster: ClusterService;
  readonly reporter: Reporter;
  readonly log: ReceivedLog;
  deliver(arrival: Arrival): void;
}

/**
 * Events that are delivered late: those that were missed, and those that wait for them. Each once, in their order.
 *
 * @internal
 */
export class Backfill {
  private readonly held = new HoldBackQueue();
  /** Until when what comes from an instance may have come before. */
  private readonly duplicatesUntil = new Map<InstanceId, number>();
  /** What was dropped in this turn since it may have come before. */
  private readonly uncertain = new Map<InstanceId, { from: number; to: number }>();

  constructor(private readonly deps: BackfillDeps) {}

  /** Of what is held. */
  get bytes(): number {
    return this.held.bytes;
  }

  /** Whether it comes a second time, or may and nobody knows any more: that is told as a gap. */
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
      () => 'too much came in while it was repaired; it is delivered before what was missed',
    );
    this.releaseAll();
  }

  /**
   * Delivers what was missed. What has come since is still held: it is later, or among this as well.
   *
   * @param heard the highest number of the instance that was heard before
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
      // This instance does not remember whether it has received it. What waited in an outbox comes after higher numbers.
      else if (!this.hasReceived(origin, arrival)) {
        [from, to] = [Math.min(from, sequence), Math.max(to, sequence)];
      }
    }
    if (from <= to) this.gap(origin, { from, to, reason: 'forgotten' });
  }

  /**
   * The instance has answered in full: what it sent since follows.
   *
   * @param stillPending channels of which more is missing
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
    this.deps.cluster.foundGap({ instanceId: origin, ...gap });
  }

  clear(): void {
    this.held.clear();
    this.duplicatesUntil.clear();
    this.uncertain.clear();
  }

  private mayBeDuplicate({ origin, repeated }: Envelope): boolean {
    if (repeated) {
      // What it repeats may be stuck on a connection that was given up, and still come.
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

  /** Whether it was sent before the log goes back to. A number above all that were heard is new all the same. */
  private isUncertain({ origin, sequence, sentAt, repeated }: Envelope): boolean {
    const { log } = this.deps;
    if (!repeated || sequence > log.lastOf(origin)) return false;
    return Date.now() - sentAt >= log.coversMs - MARGIN_MS;
  }

  /** What is sent again comes many at a time: that is one gap. */
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
    this.duplicatesUntil.set(origin, now + TWICE_MS);
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

/** Channels. */
type StillPending = Pick<ReadonlySet<string>, 'has'>;

/**
 * Envelopes that wait for earlier ones of the same origin.
 */
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
   * Those of an origin, in the order in which it sent them; they are held no more.
   *
   * @param stillPending channels whose events still are
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
