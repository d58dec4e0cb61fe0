import type { PropagatorError } from '../errors.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';

/**
 * Wanted channels for which callers no longer wait, on an open connection. Messages published to them meanwhile are
 * missed. After a lost connection all wanted channels count as missed, and none as late.
 *
 * @internal
 */
export class OverdueChannels {
  /** The start: monotonic time (`performance.now()`). */
  private readonly names = new Map<string, number>();
  /** Those that Redis has not confirmed yet. */
  private readonly unanswered = new Map<string, PropagatorError>();
  /** Whether it has been reported since everything was last confirmed. */
  private reported = false;

  constructor(private readonly missed: (channels: InterruptedChannels, since: number) => void) {}

  /** Why the connection is not healthy: a channel that Redis did not confirm in time, nor since. */
  get overdueError(): PropagatorError | undefined {
    const [error] = this.unanswered.values();
    return error;
  }

  /** Redis has not confirmed in time. */
  overdue(channel: string, error: PropagatorError): void {
    const { names } = this;
    const since = this.add(channel);
    this.unanswered.set(channel, error);
    if (this.reported) return;
    this.reported = true;
    // Report now, because messages are missed from now on, and only once: further channels are reported when they
    // are subscribed.
    this.missed((name) => names.has(name), since);
  }

  /** A refusal may last for ever, so it is reported when it has ended. */
  refused(channel: string): void {
    this.unanswered.delete(channel);
    this.add(channel);
  }

  /** The channel is no longer wanted here. */
  forget(channel: string): void {
    this.unanswered.delete(channel);
    this.names.delete(channel);
  }

  /** A round of commands is confirmed: confirmed late channels receive messages from now on. */
  answered(confirmed: ReadonlySet<string>): void {
    for (const name of this.unanswered.keys()) {
      if (confirmed.has(name)) this.unanswered.delete(name);
    }
    this.reported = this.unanswered.size > 0;
    if (this.names.size === 0) return;
    const heard = new Set<string>();
    let earliest = Infinity;
    for (const [name, since] of this.names) {
      if (!confirmed.has(name)) continue;
      heard.add(name);
      earliest = Math.min(earliest, since);
    }
    if (heard.size === 0) return;
    for (const name of heard) this.names.delete(name);
    this.missed((name) => heard.has(name), earliest);
  }

  /** The connection is lost. */
  clear(): void {
    this.names.clear();
    this.unanswered.clear();
    this.reported = false;
  }

  private add(channel: string): number {
    const since = this.names.get(channel) ?? performance.now();
    this.names.set(channel, since);
    return since;
  }
}
