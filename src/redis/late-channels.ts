import type { Interrupted } from '../ports/pub-sub.js';

/**
 * Wanted channels that those who waited for them go on without, on a connection that stands: what is sent to these
 * meanwhile is missed. After a lost connection all that is wanted counts as missed, and nothing is late.
 *
 * @internal
 */
export class LateChannels {
  /** Since when, by the clock that nobody sets. */
  private readonly names = new Map<string, number>();
  /** Whether it has been told since everything was last answered. */
  private told = false;

  constructor(private readonly missed: (channels: Interrupted, since: number) => void) {}

  /** Redis has not answered in time. */
  overdue(channel: string): void {
    const { names } = this;
    const since = this.add(channel);
    if (this.told) return;
    this.told = true;
    // Now, since what is missed begins now, and once: those that follow are told when they are heard.
    this.missed((name) => names.has(name), since);
  }

  /** That may be so for ever: it is told when it is mended. */
  refused(channel: string): void {
    this.add(channel);
  }

  /** It is not wanted here any more. */
  forget(channel: string): void {
    this.names.delete(channel);
  }

  /** Everything is answered: what was late and is confirmed is heard from now on. */
  answered(confirmed: ReadonlySet<string>): void {
    this.told = false;
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
    this.told = false;
  }

  private add(channel: string): number {
    const since = this.names.get(channel) ?? performance.now();
    this.names.set(channel, since);
    return since;
  }
}
