import type { PropagatorError, PropagatorErrorCode } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import { every, soon, type Failed } from '../reporting/timers.js';
import type { Load } from './outbox-queue.js';

/** The ordering key of all events, where the transport keeps the order of all channels. */
export const ONE_FOR_ALL = '';
const LOOK_MS = 100;
/** Publishes are stuck if this many looks in a row saw no reply: longer than a slow command keeps Redis busy. */
const SILENT_LOOKS = 10;
/** Publishes that were in flight at more looks than these are overdue. */
const OVERDUE_LOOKS = 10;

/** The publishes that began between two looks and are still in flight. */
interface Batch {
  events: number;
  bytes: number;
  /** Whether {@link PublishesInFlight} counts them with the overdue ones by now. */
  isOverdue: boolean;
}

/**
 * Counts the publishes in flight that did not go through the outbox, and notices when Redis replies to none of them, or
 * replies late. It counts looks instead of time, because a process that was frozen for a while proves nothing about Redis.
 *
 * @internal
 */
export class PublishesInFlight {
  private readonly countByKey = new Map<string, number>();
  /** The number of publishes with the ordering key {@link ONE_FOR_ALL}, mostly all: they need no entry of the Map. */
  private inOneOrder = 0;
  private current = newBatch();
  /** The last batches, the current one included. */
  private readonly batches = [...Array.from({ length: OVERDUE_LOOKS - 1 }, newBatch), this.current];
  private readonly late = newBatch();
  private answered = false;
  private silentLooks = 0;
  private timer: NodeJS.Timeout | undefined;
  private stuckFrom: number | undefined;

  constructor(private readonly failed: Failed) {}

  /** Since when Redis has not replied. Monotonic time; undefined while it replies, or nothing is in flight. */
  get stuckSince(): number | undefined {
    return this.stuckFrom;
  }

  get isStuck(): boolean {
    return this.stuckFrom !== undefined;
  }

  /** How much has been in flight for more than a second. While Redis does not reply: all that is in flight. */
  get overdue(): Load {
    return this.isStuck ? this.all : this.late;
  }

  /** Whether an event with this ordering key is in flight. */
  has(orderingKey: string): boolean {
    return orderingKey === ONE_FOR_ALL ? this.inOneOrder > 0 : this.countByKey.has(orderingKey);
  }

  /** Returns the argument of {@link settle}. */
  begin(orderingKey: string, bytes: number): Batch {
    const { current } = this;
    if (orderingKey === ONE_FOR_ALL) this.inOneOrder++;
    else this.countByKey.set(orderingKey, (this.countByKey.get(orderingKey) ?? 0) + 1);
    current.events++;
    current.bytes += bytes;
    this.timer ??= every(LOOK_MS, this.failed, () => soon(this.failed, () => this.look())).unref();
    return current;
  }

  /**
   * Ends the count of one publish; its ordering key stays busy until {@link release}. Returns whether publishes were
   * stuck until now.
   */
  settle(batch: Batch, bytes: number, answered: boolean): boolean {
    const counted = batch.isOverdue ? this.late : batch;
    counted.events--;
    counted.bytes -= bytes;
    this.answered ||= answered;
    if (!this.isStuck || (!answered && this.all.events > 0)) return false;
    this.stuckFrom = undefined;
    this.silentLooks = 0;
    return true;
  }

  /** Returns whether no other publish with this ordering key is in flight. */
  release(orderingKey: string): boolean {
    if (orderingKey === ONE_FOR_ALL) return --this.inOneOrder === 0;
    const left = (this.countByKey.get(orderingKey) ?? 1) - 1;
    if (left > 0) this.countByKey.set(orderingKey, left);
    else this.countByKey.delete(orderingKey);
    return left === 0;
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private get all(): Load {
    let { events, bytes } = this.late;
    for (const batch of this.batches) {
      events += batch.events;
      bytes += batch.bytes;
    }
    return { events, bytes };
  }

  private look(): void {
    const { events } = this.all;
    this.silentLooks = this.answered || events === 0 ? 0 : this.silentLooks + 1;
    this.answered = false;
    if (this.silentLooks >= SILENT_LOOKS) {
      this.stuckFrom ??= performance.now() - SILENT_LOOKS * LOOK_MS;
    }
    this.beginBatch();
    if (events === 0) this.close();
  }

  private beginBatch(): void {
    this.current = newBatch();
    this.batches.push(this.current);
    const oldest = this.batches.shift();
    if (oldest === undefined) return;
    this.late.events += oldest.events;
    this.late.bytes += oldest.bytes;
    oldest.isOverdue = true;
  }
}

function newBatch(): Batch {
  return { events: 0, bytes: 0, isOverdue: false };
}

const OUTAGES: ReadonlySet<PropagatorErrorCode> = new Set(['redis.unavailable', 'redis.timeout']);
const OUTBOX: ReadonlySet<PropagatorErrorCode> = new Set(['outbox.full', 'outbox.expired']);

/** Counts failed publishes, logs the first failure of each outage, and tells when no publish is pending. */
export class PublishTracker {
  private inFlight = 0;
  private failing = false;
  private waiting: (() => void)[] = [];

  constructor(private readonly reporter: Reporter) {}

  /** A publish begins. It ends with {@link published}, {@link refused} or {@link track}. */
  begin(): void {
    this.inFlight++;
  }

  /** @param instances undefined if the event waits in the outbox */
  published(instances: number | undefined): void {
    if (instances !== undefined) this.failing = false;
    this.ended();
  }

  refused(error: PropagatorError): void {
    this.failed(error);
    this.ended();
  }

  /**
   * Ends a publish with the outcome of a promise, which rejects with a PropagatorError. A rejection of the result need not
   * be handled.
   */
  track<R>(
    publish: Promise<number | undefined>,
    resultOf: (instances: number | undefined) => R,
  ): Promise<R> {
    const tracked = publish.then(
      (instances) => {
        this.published(instances);
        return resultOf(instances);
      },
      (error: PropagatorError) => {
        this.refused(error);
        throw error;
      },
    );
    tracked.catch(() => undefined);
    return tracked;
  }

  /** Number of pending publishes. */
  get size(): number {
    return this.inFlight;
  }

  drain(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Counts and reports an event that was not published. */
  failed(error: PropagatorError): void {
    // The outbox reports these.
    if (OUTBOX.has(error.code)) {
      this.reporter.count('publish.failed');
      return;
    }
    if (!OUTAGES.has(error.code)) {
      // With one forbidden channel among others, failures and successes alternate.
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
    this.inFlight--;
    if (this.inFlight > 0) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
