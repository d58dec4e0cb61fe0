import type { Reporter } from '../reporting/reporter.js';
import { lenientNow } from '../reporting/lenient-now.js';
import { soon } from '../reporting/timers.js';
import type { EventGap } from '../cluster/event-gap.js';
import type { ReceivedLog } from '../routing/received-log.js';
import type { Envelope, InstanceId } from '../wire/envelope.js';
import { fnv1a } from '../wire/fnv.js';
import type { NumberedArrival } from './hold-back-queue.js';

/** The first attempt may arrive over a connection that was given up: check for duplicates for this long. */
const WATCHED_MS = 30_000;
/** An age is measured by its publisher, and the log goes by the time of the arrival. */
const MARGIN_MS = 1_000;

interface DuplicatesDeps {
  readonly log: ReceivedLog;
  readonly reporter: Reporter;
  gap(gap: EventGap, isConcerned: (channel: string) => boolean): void;
}

/**
 * Recognises events that have come before: those that their publisher repeats, since Redis did not confirm them, and those
 * that a page has as well. Where the received log does not reach back far enough, that is a gap.
 *
 * @internal
 */
export class Duplicates {
  /** Until when events of each instance may be repeated ones. */
  private readonly watchedUntil = new Map<InstanceId, number>();
  /** Ranges dropped in this tick as possible duplicates; reported as one gap per origin. */
  private readonly uncertain = new Map<
    InstanceId,
    { readonly from: number; readonly to: number; readonly channels: Set<string> }
  >();

  constructor(private readonly deps: DuplicatesDeps) {}

  /** Whether a live event is a duplicate, or may be one. */
  drops(envelope: Envelope, channel: string): boolean {
    if (!this.mayBeRepeated(envelope)) return false;
    const { log, reporter } = this.deps;
    const { origin, sequence, repeated, sentAt } = envelope;
    if (log.has(origin, sequence, fnv1a(channel))) {
      reporter.count('event.repeated');
      return true;
    }
    if (!repeated || !this.isUncertain(origin, sequence, Date.now() - sentAt)) return false;
    this.recordUncertain(origin, sequence, channel);
    return true;
  }

  /** Takes note of an event of a page, or one that was held. Returns whether it has not come before. */
  isFirst(origin: InstanceId, { channel, sequence, sentAt }: NumberedArrival): boolean {
    const { log } = this.deps;
    const hash = fnv1a(channel);
    if (log.has(origin, sequence, hash)) return false;
    if (sentAt !== undefined && this.isUncertain(origin, sequence, lenientNow() - sentAt)) {
      this.recordUncertain(origin, sequence, channel);
      return false;
    }
    log.add(origin, sequence, hash);
    return true;
  }

  clear(): void {
    this.watchedUntil.clear();
    this.uncertain.clear();
  }

  private mayBeRepeated({ origin, repeated }: Envelope): boolean {
    if (repeated) {
      this.watch(origin);
      return true;
    }
    if (this.watchedUntil.size === 0) return false;
    const until = this.watchedUntil.get(origin);
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    this.watchedUntil.delete(origin);
    return false;
  }

  /** True for an event that was sent before the log begins. A number above all received ones is new in any case. */
  private isUncertain(origin: InstanceId, sequence: number, ageMs: number): boolean {
    const { log } = this.deps;
    if (sequence > log.lastOf(origin)) return false;
    return ageMs >= log.coversMs - MARGIN_MS;
  }

  /** Many of them may arrive at once: they are reported as one gap. */
  private recordUncertain(origin: InstanceId, sequence: number, channel: string): void {
    const { uncertain } = this;
    if (uncertain.size === 0) {
      const failed = this.deps.reporter.failure('repair.failed', () => 'possible duplicates');
      soon(failed, () => this.reportUncertain());
    }
    const before = uncertain.get(origin);
    const { from, to, channels } = before ?? { from: sequence, to: sequence, channels: new Set() };
    channels.add(channel);
    uncertain.set(origin, { from: Math.min(from, sequence), to: Math.max(to, sequence), channels });
  }

  private reportUncertain(): void {
    for (const [instanceId, { channels, ...numbers }] of this.uncertain) {
      this.deps.gap({ instanceId, ...numbers, reason: 'forgotten' }, (channel) =>
        channels.has(channel),
      );
    }
    this.uncertain.clear();
  }

  private watch(origin: InstanceId): void {
    const now = performance.now();
    for (const [other, until] of this.watchedUntil)
      if (until < now) this.watchedUntil.delete(other);
    this.watchedUntil.set(origin, now + WATCHED_MS);
  }
}
