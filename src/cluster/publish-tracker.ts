import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';

/** Watches publishes: counts failures, logs the first of each outage, and knows when none is under way. */
export class PublishTracker {
  private underway = 0;
  private failing = false;
  private waiting: (() => void)[] = [];

  constructor(private readonly reporter: Reporter) {}

  /** The same promise, of which nobody has to handle the rejection. */
  track(publish: Promise<number>): Promise<number> {
    this.underway++;
    publish.then(
      () => {
        this.failing = false;
        this.ended();
      },
      (error: unknown) => {
        this.reporter.count('publish.failed');
        if (!this.failing) {
          this.failing = true;
          this.reporter.logger.warn(
            `An event was not published; further failures are counted until one succeeds: ${reasonOf(error)}`,
          );
        }
        this.ended();
      },
    );
    return publish;
  }

  drain(): Promise<void> {
    if (this.underway === 0) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private ended(): void {
    this.underway--;
    if (this.underway > 0) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
