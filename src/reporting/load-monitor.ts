import type { LoadReason, LoadService } from './load.js';
import type { Reporter } from './reporter.js';
import { every } from './timers.js';

const INTERVAL_MS = 100;
/**
 * A long task, or a burst that Redis processes in a moment, is not an overload: this many measurements in a row
 * have to agree.
 */
const MEASUREMENTS_TO_CHANGE = 5;

/** @internal */
export interface LoadFigures {
  readonly eventLoopDelayMs: number;
  readonly pendingPublishes: number;
}

/**
 * Measures the event loop and the publishes that wait for Redis, ten times a second. Reports once when the instance
 * falls behind and once when it has caught up. An overload begins above the limits and ends below half of them.
 *
 * @internal
 */
export class LoadMonitor {
  private readonly runs = new Map<LoadReason, number>();
  private readonly active = new Set<LoadReason>();
  private timer: NodeJS.Timeout | undefined;
  private measuredAt = 0;

  constructor(
    private readonly load: LoadService,
    /** Undefined: nothing is measured. */
    private readonly limits: LoadFigures | undefined,
    private readonly pendingPublishes: () => number,
    private readonly reporter: Reporter,
  ) {}

  start(): void {
    if (this.limits === undefined || this.timer !== undefined) return;
    this.measuredAt = performance.now();
    const failed = this.reporter.failure('load.failed', () => 'measuring the load');
    this.timer = every(INTERVAL_MS, failed, () => {
      const now = performance.now();
      const eventLoopDelayMs = Math.max(0, Math.round(now - this.measuredAt - INTERVAL_MS));
      this.measuredAt = now;
      this.processFigures({ eventLoopDelayMs, pendingPublishes: this.pendingPublishes() });
    });
    this.timer.unref();
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Processes one measurement. */
  processFigures(figures: LoadFigures): void {
    const { limits } = this;
    if (limits === undefined) return;
    this.updateReason('event-loop', figures.eventLoopDelayMs, limits.eventLoopDelayMs);
    this.updateReason('redis', figures.pendingPublishes, limits.pendingPublishes);
    if (!this.load.measured({ ...figures, reasons: [...this.active] })) return;
    if (this.active.size === 0) {
      this.reporter.logger.log('No longer overloaded, volatile events are sent again.');
    } else {
      const { eventLoopDelayMs, pendingPublishes } = figures;
      this.reporter.logger.warn(
        `Overloaded (${[...this.active].join(', ')}): the event loop is ${eventLoopDelayMs} ms late, ` +
          `${pendingPublishes} publishes wait for Redis. Volatile events are shed until the overload ends.`,
      );
    }
  }

  private updateReason(reason: LoadReason, figure: number, limit: number): void {
    const wasActive = this.active.has(reason);
    const differs = wasActive ? figure < limit / 2 : figure > limit;
    const run = differs ? (this.runs.get(reason) ?? 0) + 1 : 0;
    this.runs.set(reason, run % MEASUREMENTS_TO_CHANGE);
    if (run < MEASUREMENTS_TO_CHANGE) return;
    if (wasActive) this.active.delete(reason);
    else this.active.add(reason);
  }
}
