import type { Reporter } from '../../reporting/reporter.js';
import { after } from '../../reporting/timers.js';

/** The longest delay of a timer in Node. */
const MAX_MS = 2 ** 31 - 1;

/** One timer for many keys, each with its own time (monotonic). Reports an error thrown for a key. @internal */
export class DueTimer<K> {
  private readonly times = new Map<K, number>();
  private timer: NodeJS.Timeout | undefined;
  private firesAt = Infinity;

  constructor(
    private readonly onDue: (key: K) => void,
    private readonly reporter: Reporter,
  ) {}

  /** Calls `onDue` for the key in this many ms, or sooner if already scheduled so. */
  in(ms: number, key: K): void {
    const at = performance.now() + Math.max(0, ms);
    if (at >= (this.times.get(key) ?? Infinity)) return;
    this.times.set(key, at);
    if (at < this.firesAt) this.schedule(at);
  }

  clear(): void {
    clearTimeout(this.timer);
    this.times.clear();
  }

  private schedule(at: number): void {
    clearTimeout(this.timer);
    this.firesAt = at;
    if (at === Infinity) return;
    const ms = Math.ceil(at - performance.now());
    const failed = this.reporter.failure('presence.failed', () => 'processing due users');
    this.timer = after(Math.min(ms, MAX_MS), failed, () => this.fire());
    this.timer.unref();
  }

  private fire(): void {
    const now = performance.now();
    const due = [...this.times].filter(([, at]) => at <= now).map(([key]) => key);
    for (const key of due) this.times.delete(key);
    this.schedule(Math.min(...this.times.values()));
    for (const key of due) {
      this.reporter.attempt(
        'presence.failed',
        () => 'while processing due users',
        () => this.onDue(key),
      );
    }
  }
}
