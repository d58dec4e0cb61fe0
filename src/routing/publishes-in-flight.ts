const LOOK_MS = 100;
/** Publishes are stuck when so many looks in a row saw no answer. Longer than a busy Redis takes for a slow command. */
const SILENT_LOOKS = 10;

const NONE = Object.freeze({ events: 0, bytes: 0 });

/**
 * Counts the publishes that wait for Redis past the outbox, and notices when Redis answers none of them. Looks are
 * counted rather than time: if this process stood still, that is no silence of Redis.
 *
 * @internal
 */
export class PublishesInFlight {
  private readonly lines = new Map<string, number>();
  private events = 0;
  private bytes = 0;
  private answered = false;
  private silentLooks = 0;
  private timer: NodeJS.Timeout | undefined;
  private stuckFrom: number | undefined;

  constructor(private readonly onUnstuck: () => void) {}

  /** Since when Redis has answered nothing. Monotonic time; undefined while it answers, or nothing is in flight. */
  get stuckSince(): number | undefined {
    return this.stuckFrom;
  }

  get isStuck(): boolean {
    return this.stuckFrom !== undefined;
  }

  /** How much is in flight while Redis does not answer. */
  get stuck(): { readonly events: number; readonly bytes: number } {
    return this.isStuck ? { events: this.events, bytes: this.bytes } : NONE;
  }

  /** Whether something of that line is in flight. */
  has(line: string): boolean {
    return this.lines.has(line);
  }

  begin(line: string, bytes: number): void {
    this.lines.set(line, (this.lines.get(line) ?? 0) + 1);
    this.events++;
    this.bytes += bytes;
    this.timer ??= setInterval(() => setImmediate(() => this.look()), LOOK_MS).unref();
  }

  /** It counts no more; its line stays busy until {@link release}. */
  settle(bytes: number, answered: boolean): void {
    this.events--;
    this.bytes -= bytes;
    this.answered ||= answered;
    if (this.isStuck && (answered || this.events === 0)) this.unstick();
  }

  /** Returns whether nothing of that line is in flight any more. */
  release(line: string): boolean {
    const left = (this.lines.get(line) ?? 1) - 1;
    if (left > 0) this.lines.set(line, left);
    else this.lines.delete(line);
    return left === 0;
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private look(): void {
    this.silentLooks = this.answered || this.events === 0 ? 0 : this.silentLooks + 1;
    this.answered = false;
    if (this.silentLooks >= SILENT_LOOKS) {
      this.stuckFrom ??= performance.now() - SILENT_LOOKS * LOOK_MS;
    }
    if (this.events === 0) this.close();
  }

  private unstick(): void {
    this.stuckFrom = undefined;
    this.silentLooks = 0;
    // After those whose answers arrive in the same turn.
    setImmediate(this.onUnstuck);
  }
}
