import type { Reporter } from '../reporting/reporter.js';
import { after } from '../reporting/timers.js';

const SECOND_MS = 1_000;
/** How many entries are worked off before others get their turn: thousands of tokens may end in one second. */
const MAX_AT_ONCE = 1_000;

/** What can stand in an {@link ExpirySchedule}. @internal */
export interface Scheduled {
  /** The second that it is due in. Written by the schedule alone. */
  second: number | undefined;
}

/**
 * Says when entries are due: never early, and at most a second late. One timer for all of them, which runs only while there
 * is an entry. It looks at the clock each time, so that neither a clock that was set nor an event loop that stood
 * still makes it forget one. Adding and removing do not depend on how many there are.
 *
 * @internal
 */
export class ExpirySchedule<T extends Scheduled> {
  private readonly seconds = new Map<number, Set<T>>();
  /** Seconds up to this one are done. */
  private done = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly due: (entry: T) => void,
    private readonly reporter: Reporter,
  ) {}

  /** How many entries there are. */
  get size(): number {
    let size = 0;
    for (const entries of this.seconds.values()) size += entries.size;
    return size;
  }

  /** Adds an entry, or moves it: due at a time in ms since 1970. An error that it throws then is reported. */
  set(entry: T, at: number): void {
    this.delete(entry);
    if (this.closed) return;
    const second = Math.ceil(at / SECOND_MS);
    const entries = this.seconds.get(second);
    if (entries === undefined) this.seconds.set(second, new Set([entry]));
    else entries.add(entry);
    entry.second = second;
    // In the past: the next turn has to look there.
    if (second <= this.done) this.done = second - 1;
    this.wakeIn(untilNextSecond());
  }

  /** Does nothing where it is not there. */
  delete(entry: T): void {
    const { second } = entry;
    if (second === undefined) return;
    entry.second = undefined;
    const entries = this.seconds.get(second);
    if (entries?.delete(entry) === true && entries.size === 0) this.seconds.delete(second);
    if (this.seconds.size === 0) this.stop();
  }

  close(): void {
    this.closed = true;
    for (const entries of this.seconds.values()) {
      for (const entry of entries) entry.second = undefined;
    }
    this.seconds.clear();
    this.stop();
  }

  private turn(): void {
    this.timer = undefined;
    const now = Math.floor(Date.now() / SECOND_MS);
    const due = this.secondsDue(now);
    // Also where the clock was set back: what was done then is over, and nothing is due twice.
    this.done = now;
    let left = MAX_AT_ONCE;
    for (const second of due) {
      for (const entry of this.seconds.get(second) ?? []) {
        if (left-- === 0) {
          this.done = Math.min(this.done, second - 1);
          this.stop();
          this.wakeIn(0);
          return;
        }
        this.delete(entry);
        this.reporter.attempt(
          'listener.failed',
          () => 'the end of a token',
          () => this.due(entry),
        );
      }
    }
    if (this.seconds.size > 0) this.wakeIn(untilNextSecond());
  }

  /** The seconds that are due and have entries, without looking at all others. */
  private secondsDue(now: number): number[] {
    const due: number[] = [];
    if (now - this.done > this.seconds.size) {
      // A long time went by, or the clock was set: there are fewer entries than seconds.
      for (const second of this.seconds.keys()) if (second <= now) due.push(second);
      return due.sort((a, b) => a - b);
    }
    for (let second = this.done + 1; second <= now; second++) {
      if (this.seconds.has(second)) due.push(second);
    }
    return due;
  }

  private wakeIn(ms: number): void {
    const failed = this.reporter.failure('listener.failed', () => 'the end of tokens');
    this.timer ??= after(ms, failed, () => this.turn()).unref();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

/** From the clock each time: no drift. */
function untilNextSecond(): number {
  return SECOND_MS - (Date.now() % SECOND_MS);
}
