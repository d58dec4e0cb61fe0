import type { ClusterService } from '../cluster/cluster.service.js';
import type { EventGap } from '../cluster/event-gap.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Arrival } from '../routing/event-receiver.js';
import type { ReceiptLog } from '../routing/received-log.js';
import type { Envelope, InstanceId } from '../wire/envelope.js';
import { fnv1a } from '../wire/fnv.js';
import type { Repaired } from './repair-server.js';

/** Ages are measured elsewhere, and take their time to get here. */
const MARGIN_MS = 5_000;
/** An answer may overtake what it has in it, on another connection of a Cluster: for so long it may come twice. */
const TWICE_MS = 30_000;
/** What is held is let go of rather than take more than that. */
const MOST_HELD_BYTES = 32 * 1024 * 1024;

interface Surroundings {
  readonly cluster: ClusterService;
  readonly reporter: Reporter;
  readonly log: ReceiptLog;
  deliver(arrival: Arrival): void;
}

/**
 * Events that are delivered late: those that were missed, and those that wait for them. Each once, in their order.
 *
 * @internal
 */
export class LateEvents {
  private readonly held = new HeldEvents();
  /** Until when what comes from an instance may have come before. */
  private readonly twiceUntil = new Map<InstanceId, number>();
  /** What was dropped in this turn since it may have come before. */
  private readonly doubts = new Map<InstanceId, { from: number; to: number }>();

  constructor(private readonly around: Surroundings) {}

  /** Of what is held. */
  get bytes(): number {
    return this.held.bytes;
  }

  /** Whether it comes a second time, or may and nobody knows any more: that is told as a gap. */
  knows(envelope: Envelope, channel: string): boolean {
    if (!this.mayComeTwice(envelope)) return false;
    const { log, reporter } = this.around;
    const { origin, sequence } = envelope;
    if (log.has(origin, sequence, fnv1a(channel))) {
      reporter.count('event.repeated');
      return true;
    }
    if (!this.isDoubtful(envelope)) return false;
    this.doubt(origin, sequence);
    return true;
  }

  hold(origin: InstanceId, arrival: Arrival): void {
    this.held.hold(origin, arrival);
    if (this.held.bytes <= MOST_HELD_BYTES) return;
    this.around.reporter.report(
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
    const covered = this.around.log.coversMs - MARGIN_MS;
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
   * @param staying channels of which more is missing
   */
  release(origin: InstanceId, staying?: Staying): void {
    this.expectTwice(origin);
    for (const arrival of this.held.release(origin, staying)) this.deliverOnce(origin, arrival);
  }

  releaseAll(staying?: Staying): void {
    for (const origin of this.held.origins()) this.release(origin, staying);
  }

  gap(origin: InstanceId, gap: Omit<EventGap, 'instanceId'>): void {
    const { from, to, reason } = gap;
    this.around.reporter.report(
      'event.gap',
      () =>
        `events of instance ${origin} may be lost, from number ${from} to ${to ?? 'an unknown one'} (${reason})`,
    );
    this.around.cluster.foundGap({ instanceId: origin, ...gap });
  }

  clear(): void {
    this.held.clear();
    this.twiceUntil.clear();
    this.doubts.clear();
  }

  private mayComeTwice({ origin, repeated }: Envelope): boolean {
    if (repeated) {
      // What it repeats may be stuck on a connection that was given up, and still come.
      this.expectTwice(origin);
      return true;
    }
    if (this.twiceUntil.size === 0) return false;
    const until = this.twiceUntil.get(origin);
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    this.twiceUntil.delete(origin);
    return false;
  }

  /** Whether it was sent before the log goes back to. A number above all that were heard is new all the same. */
  private isDoubtful({ origin, sequence, sentAt, repeated }: Envelope): boolean {
    const { log } = this.around;
    if (!repeated || sequence > log.lastOf(origin)) return false;
    return Date.now() - sentAt >= log.coversMs - MARGIN_MS;
  }

  /** What is sent again comes many at a time: that is one gap. */
  private doubt(origin: InstanceId, sequence: number): void {
    const { doubts } = this;
    if (doubts.size === 0) setImmediate(() => this.tellDoubts());
    const { from, to } = doubts.get(origin) ?? { from: sequence, to: sequence };
    doubts.set(origin, { from: Math.min(from, sequence), to: Math.max(to, sequence) });
  }

  private tellDoubts(): void {
    for (const [origin, numbers] of this.doubts) {
      this.gap(origin, { ...numbers, reason: 'forgotten' });
    }
    this.doubts.clear();
  }

  private expectTwice(origin: InstanceId): void {
    const now = performance.now();
    for (const [other, until] of this.twiceUntil) if (until < now) this.twiceUntil.delete(other);
    this.twiceUntil.set(origin, now + TWICE_MS);
  }

  private deliverOnce(origin: InstanceId, arrival: Arrival): void {
    if (this.hasReceived(origin, arrival)) return;
    this.around.log.add(origin, arrival.sequence, fnv1a(arrival.channel));
    this.around.deliver(arrival);
  }

  private hasReceived(origin: InstanceId, { channel, sequence }: Arrival): boolean {
    return this.around.log.has(origin, sequence, fnv1a(channel));
  }
}

/** Channels. */
type Staying = Pick<ReadonlySet<string>, 'has'>;

/**
 * Envelopes that wait for earlier ones of the same origin.
 */
class HeldEvents {
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
   * @param staying channels whose events still are
   */
  release(origin: InstanceId, staying?: Staying): Arrival[] {
    const arrivals = this.byOrigin.get(origin) ?? [];
    this.byOrigin.delete(origin);
    const released: Arrival[] = [];
    for (const arrival of arrivals) {
      this.heldBytes -= arrival.bytes.length;
      if (staying?.has(arrival.channel) === true) this.hold(origin, arrival);
      else released.push(arrival);
    }
    return released.sort((a, b) => a.sequence - b.sequence);
  }
}
