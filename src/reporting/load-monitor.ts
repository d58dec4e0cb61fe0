import type { LoadReason, LoadService } from './load.js';
import type { Reporter } from './reporter.js';
import { after, type Failed } from './timers.js';

const INTERVAL_MS = 100;
/** The interval while all figures are below half of their limits: a timer of 100 ms is most of an idle instance's CPU time. */
const CALM_INTERVAL_MS = 1_000;
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
 * Measures the event loop and the publishes that wait for Redis: once a second, and ten times a second while a figure is near its
 * limit. Reports once when the instance
 * falls behind and once when it has caught up. An overload begins above the limits and ends below half of them.
 *
 * @internal
 */
export class LoadMonitor {
  private readonly runs = new Map<LoadReason, number>();
  private readonly active = new Set<LoadReason>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly load: LoadService,
    /** Undefined: nothing is measured. */
    private readonly limits: LoadFigures | undefined,
    private readonly pendingPublishes: () => number,
    private readonly reporter: Reporter,
  ) {}

  start(): void {
    if (this.limits === undefined || this.timer !== undefined) return;
    this.measureAfter(
      CALM_INTERVAL_MS,
      this.reporter.failure('load.failed', () => 'measuring the load'),
    );
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private measureAfter(intervalMs: number, failed: Failed): void {
    const due = performance.now() + intervalMs;
    this.timer = after(intervalMs, failed, () => {
      const eventLoopDelayMs = Math.max(0, Math.round(performance.now() - due));
      let isCalm = true;
      try {
        isCalm = this.processFigures({
          eventLoopDelayMs,
          pendingPublishes: this.pendingPublishes(),
        });
      } finally {
        // A listener of the load may have closed the app.
        if (this.timer !== undefined)
          this.measureAfter(isCalm ? CALM_INTERVAL_MS : INTERVAL_MS, failed);
      }
    });
    this.timer.unref();
  }

  /** Processes one measurement. Returns whether all figures are far below their limits. */
  processFigures(figures: LoadFigures): boolean {
    const { limits } = this;
    if (limits === undefined) return true;
    this.updateReason('event-loop', figures.eventLoopDelayMs, limits.eventLoopDelayMs);
    this.updateReason('redis', figures.pendingPublishes, limits.pendingPublishes);
    const { eventLoopDelayMs, pendingPublishes } = figures;
    if (this.load.measured({ ...figures, reasons: [...this.active] })) {
      if (this.active.size === 0) {
        this.reporter.logger.log('No longer overloaded, volatile events are sent again.');
      } else {
        this.reporter.logger.warn(
          `Overloaded (${[...this.active].join(', ')}): the event loop is ${eventLoopDelayMs} ms late, ` +
            `${pendingPublishes} publishes wait for Redis. Volatile events are shed until the overload ends.`,
        );
      }
    }
    return (
      this.active.size === 0 &&
      eventLoopDelayMs < limits.eventLoopDelayMs / 2 &&
      pendingPublishes < limits.pendingPublishes / 2
    );
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
