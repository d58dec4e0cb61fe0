import type { Interrupted } from '../ports/pub-sub.js';

/**
 * Wanted channels that those who waited for them go on without, on a connection that stands: what is sent to these
 * meanwhile is missed. After a lost connection all that is wanted counts as missed, and nothing is late.
 *
 * @internal
 */
export class LateChannels {
  private readonly names = new Set<string>();
  /** Whether it has been told since everything was last answered. */
  private told = false;

  constructor(private readonly missed: (channels: Interrupted) => void) {}

  /** Redis has not answered in time. */
  overdue(channel: string): void {
    const { names } = this;
    names.add(channel);
    if (this.told) return;
    this.told = true;
    // Now, since what is missed begins now, and once: those that follow are told when they are heard.
    this.missed((name) => names.has(name));
  }

  /** That may be so for ever: it is told when it is mended. */
  refused(channel: string): void {
    this.names.add(channel);
  }

  /** It is not wanted here any more. */
  forget(channel: string): void {
    this.names.delete(channel);
  }

  /** Everything is answered: what was late and is confirmed is heard from now on. */
  answered(confirmed: ReadonlySet<string>): void {
    this.told = false;
    if (this.names.size === 0) return;
    const heard = new Set([...this.names].filter((name) => confirmed.has(name)));
    if (heard.size === 0) return;
    for (const name of heard) this.names.delete(name);
    this.missed((name) => heard.has(name));
  }

  /** The connection is lost. */
  clear(): void {
    this.names.clear();
    this.told = false;
  }
}
