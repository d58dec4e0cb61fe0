import type { PropagatorError } from '../errors.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';

/** Redis may accept refused channels later (a corrected ACL), so they are requested again. */
const REFUSED_RETRY_MS = 5_000;
/** A node of a Cluster that cannot serve a slot at this moment may serve it in the next. */
const UNAVAILABLE_RETRY_MS = 250;

/**
 * Wanted channels that Redis refused, or did not confirm in time, on an open connection. Messages published to them
 * meanwhile are missed. After a lost connection all wanted channels count as missed, and none as overdue.
 *
 * @internal
 */
export class OverdueChannels {
  /** Since when messages of each channel are missed: monotonic time (`performance.now()`). */
  private readonly since = new Map<string, number>();
  private readonly refusals = new Map<string, PropagatorError>();
  /** The channels that Redis has neither confirmed nor refused, with the errors of their callers. */
  private readonly unanswered = new Map<string, PropagatorError>();
  /** Whether unanswered channels have been reported since the last round without any. */
  private reported = false;

  constructor(private readonly missed: (channels: InterruptedChannels, since: number) => void) {}

  /** Why the connection is not healthy. */
  get error(): PropagatorError | undefined {
    const [refusal] = this.refusals.values();
    const [overdue] = this.unanswered.values();
    return refusal ?? overdue;
  }

  get refused(): Iterable<string> {
    return this.refusals.keys();
  }

  /** The delay after which to request the refused channels again; undefined if there are none. */
  get retryMs(): number | undefined {
    if (this.refusals.size === 0) return undefined;
    const soon = [...this.refusals.values()].some(({ code }) => code === 'redis.unavailable');
    return soon ? UNAVAILABLE_RETRY_MS : REFUSED_RETRY_MS;
  }

  /** Redis has not confirmed the channel in time. */
  overdue(channel: string, error: PropagatorError): void {
    const since = this.add(channel);
    this.unanswered.set(channel, error);
    if (this.reported) return;
    this.reported = true;
    // Report now, because messages are missed from now on, and only once: further channels are reported when they
    // are subscribed.
    this.missed((name) => this.since.has(name), since);
  }

  /** A refusal may last for ever, so it is reported when it has ended. */
  refuse(channel: string, error: PropagatorError): void {
    this.unanswered.delete(channel);
    this.refusals.set(channel, error);
    this.add(channel);
  }

  /** The channel is no longer wanted here. Returns whether Redis had refused it. */
  forget(channel: string): boolean {
    this.unanswered.delete(channel);
    this.since.delete(channel);
    return this.refusals.delete(channel);
  }

  /** A round of commands is complete: the confirmed channels receive messages from now on. */
  confirmed(isConfirmed: (channel: string) => boolean): void {
    const late = new Set<string>();
    let earliest = Infinity;
    for (const [channel, since] of this.since) {
      if (!isConfirmed(channel)) continue;
      this.forget(channel);
      late.add(channel);
      earliest = Math.min(earliest, since);
    }
    this.reported = this.unanswered.size > 0;
    if (late.size > 0) this.missed((channel) => late.has(channel), earliest);
  }

  /** The connection is lost. */
  clear(): void {
    this.since.clear();
    this.refusals.clear();
    this.unanswered.clear();
    this.reported = false;
  }

  private add(channel: string): number {
    const since = this.since.get(channel) ?? performance.now();
    this.since.set(channel, since);
    return since;
  }
}
