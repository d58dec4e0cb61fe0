import { PropagatorError, reasonOf, type PropagatorErrorCode } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';

const OUTAGES: ReadonlySet<PropagatorErrorCode> = new Set(['redis.unavailable', 'redis.timeout']);
const OUTBOX: ReadonlySet<PropagatorErrorCode> = new Set(['outbox.full', 'outbox.expired']);

/** Watches publishes: counts failures, logs the first of each outage, and knows when none is under way. */
export class PublishTracker {
  private underway = 0;
  private failing = false;
  private waiting: (() => void)[] = [];

  constructor(private readonly reporter: Reporter) {}

  /**
   * Resolves to what `onPublished` makes of the answer, or of undefined where the event waits in the outbox. Nobody has
   * to handle a rejection.
   */
  track<R>(
    publish: Promise<number | undefined>,
    onPublished: (instances: number | undefined) => R,
  ): Promise<R> {
    this.underway++;
    const tracked = publish.then(
      (instances) => {
        if (instances !== undefined) this.failing = false;
        this.ended();
        return onPublished(instances);
      },
      (thrown: unknown) => {
        // An app's own transport may reject with anything.
        const error =
          thrown instanceof PropagatorError
            ? thrown
            : PropagatorError.of('redis.command-failed', ['PUBLISH', reasonOf(thrown)], thrown);
        this.failed(error);
        this.ended();
        throw error;
      },
    );
    tracked.catch(() => undefined);
    return tracked;
  }

  /** How many are under way. */
  get size(): number {
    return this.underway;
  }

  drain(): Promise<void> {
    if (this.underway === 0) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Counts and reports an event that other instances do not get. */
  failed(error: PropagatorError): void {
    // Those report themselves.
    if (OUTBOX.has(error.code)) {
      this.reporter.count('publish.failed');
      return;
    }
    if (!OUTAGES.has(error.code)) {
      // One forbidden channel among others: failures and successes alternate.
      this.reporter.report('publish.failed', () => error.message);
      return;
    }
    this.reporter.count('publish.failed');
    if (this.failing) return;
    this.failing = true;
    this.reporter.logger.warn(
      `publish.failed: ${error.message} Further failures are counted until a publish succeeds.`,
    );
  }

  private ended(): void {
    this.underway--;
    if (this.underway > 0) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
