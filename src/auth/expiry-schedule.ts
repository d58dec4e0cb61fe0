import type { Reporter } from '../reporting/reporter.js';
import { after } from '../reporting/timers.js';

const SECOND_MS = 1_000;
/**
 * How many entries are processed before the event loop gets its turn: thousands of tokens may expire in one second.
 */
const MAX_AT_ONCE = 1_000;

/** An entry of an {@link ExpirySchedule}. @internal */
export interface Scheduled {
  /** The second in which it is due. Written only by the schedule. */
  second: number | undefined;
}

/**
 * Calls back when entries are due: never early, and at most a second late. One timer for all of them, which runs
 * only while there are entries. It reads the clock each time, so it misses no entry when the clock is set or the
 * event loop is blocked. Adding and removing takes the same time for any number of entries.
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

  /** The number of entries. */
  get size(): number {
    let size = 0;
    for (const entries of this.seconds.values()) size += entries.size;
    return size;
  }

  /** Adds an entry, or moves it: due at a time in ms since 1970. An error of its callback is reported. */
  set(entry: T, at: number): void {
    this.delete(entry);
    if (this.closed) return;
    const second = Math.ceil(at / SECOND_MS);
    const entries = this.seconds.get(second);
    if (entries === undefined) this.seconds.set(second, new Set([entry]));
    else entries.add(entry);
    entry.second = second;
    // In the past: check at the next turn.
    if (second <= this.done) this.done = second - 1;
    this.wakeIn(untilNextSecond());
  }

  /** Removes an entry. Does nothing for an unknown one. */
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
    // Also if the clock was set back: earlier seconds are done, and no entry is due twice.
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

  /** Returns the due seconds that have entries, without scanning all others. */
  private secondsDue(now: number): number[] {
    const due: number[] = [];
    if (now - this.done > this.seconds.size) {
      // A long time has passed, or the clock was set: there are fewer entries than seconds.
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

/** Reads the clock each time, so it does not drift. */
function untilNextSecond(): number {
  return SECOND_MS - (Date.now() % SECOND_MS);
}
