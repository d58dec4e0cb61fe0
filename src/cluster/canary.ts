import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { saysOpen } from '../channels/says-open.js';

/** One heartbeat may be in flight when it is checked. Two that Redis took and did not return are no coincidence. */
const MISSES_ALLOWED = 1;
const MAX_REMEMBERED = 100;

/**
 * Watches whether this instance receives its own heartbeats. A subscribed connection that died without a sign (a
 * half-open one) is silent, not closed; only this check finds it.
 *
 * @internal
 */
export class Canary {
  private lastSent = 0;
  private lastHeard = 0;
  private misses = 0;
  /** The times of the heartbeats that have not come back yet, and of the last one that has. */
  private readonly sentAt = new Map<number, number>();
  private lastHeardAt = performance.now();

  constructor(
    private readonly pubSub: PubSub,
    private readonly reporter: Reporter,
  ) {}

  /** Whether this instance receives published messages, as far as it knows. */
  get hears(): boolean {
    return this.misses === 0;
  }

  /** When the newest received heartbeat was sent: everything published before it has been received. */
  get heardAt(): number {
    return this.lastHeardAt;
  }

  /** A heartbeat is about to be sent. */
  sending(beat: number): void {
    this.sentAt.set(beat, performance.now());
    if (this.sentAt.size > MAX_REMEMBERED) {
      for (const oldest of this.sentAt.keys()) {
        this.sentAt.delete(oldest);
        break;
      }
    }
  }

  /** Redis took a heartbeat. */
  sent(beat: number): void {
    this.lastSent = Math.max(this.lastSent, beat);
  }

  heard(beat: number): void {
    this.lastHeard = Math.max(this.lastHeard, beat);
    this.lastHeardAt = Math.max(this.lastHeardAt, this.sentAt.get(beat) ?? 0);
    this.sentAt.delete(beat);
    this.misses = 0;
  }

  /**
   * Called once per interval.
   *
   * @param listening whether the heartbeats' channel is subscribed; other channels do not matter here
   */
  check(listening: boolean): void {
    const open = saysOpen(this.pubSub, this.reporter) ?? this.pubSub.state === 'ready';
    if (!listening || !open) {
      this.restart();
      return;
    }
    if (this.lastHeard >= this.lastSent) {
      this.misses = 0;
      return;
    }
    if (++this.misses <= MISSES_ALLOWED) return;
    this.restart();
    this.reporter.report(
      'connection.deaf',
      () =>
        'Redis took the heartbeats of this instance but did not return them: the connection is replaced',
    );
    this.pubSub.reconnect?.();
  }

  /** Forgets heartbeats of an earlier connection: the next one cannot return them. */
  private restart(): void {
    this.misses = 0;
    this.lastSent = this.lastHeard;
  }
}
