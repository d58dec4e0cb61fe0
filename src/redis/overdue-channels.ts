import type { PropagatorError } from '../errors.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';

/**
 * Wanted channels that those who waited for them go on without, on a connection that stands: what is sent to these
 * meanwhile is missed. After a lost connection all that is wanted counts as missed, and nothing is late.
 *
 * @internal
 */
export class OverdueChannels {
  /** Since when: monotonic time (`performance.now()`). */
  private readonly names = new Map<string, number>();
  /** Those of them that Redis has not answered yet. */
  private readonly unanswered = new Map<string, PropagatorError>();
  /** Whether it has been told since everything was last answered. */
  private reported = false;

  constructor(private readonly missed: (channels: InterruptedChannels, since: number) => void) {}

  /** Why not everything is well: a channel that Redis has not answered for in time, nor since. */
  get overdueError(): PropagatorError | undefined {
    const [error] = this.unanswered.values();
    return error;
  }

  /** Redis has not answered in time. */
  overdue(channel: string, error: PropagatorError): void {
    const { names } = this;
    const since = this.add(channel);
    this.unanswered.set(channel, error);
    if (this.reported) return;
    this.reported = true;
    // Now, since what is missed begins now, and once: those that follow are told when they are heard.
    this.missed((name) => names.has(name), since);
  }

  /** That may be so for ever: it is told when it is mended. */
  refused(channel: string): void {
    this.unanswered.delete(channel);
    this.add(channel);
  }

  /** It is not wanted here any more. */
  forget(channel: string): void {
    this.unanswered.delete(channel);
    this.names.delete(channel);
  }

  /** A round of commands is answered: late channels that are confirmed are heard from now on. */
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
