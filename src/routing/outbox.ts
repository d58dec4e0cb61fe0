import { PropagatorError } from '../errors.js';
import type { ResolvedOutboxOptions } from '../options/resolve-outbox.js';
import type { Reporter } from '../reporting/reporter.js';
import {
  OutboxQueue,
  type LostPublish,
  type PublishToKeep,
  type QueuedPublish,
} from './outbox-queue.js';
import { every, guarded, type Failed } from '../reporting/timers.js';

const CHECK_MS = 100;
/** The place in the order of an event that is no longer in it. */
const REMOVED = Infinity;
/** The most events of a line that are sent before their answers are waited for. */
const MAX_AT_ONCE = 250;
/** A line that cannot be published is tried again after the first pause, doubled each time up to the last. */
const PAUSE_MS = [50, 800] as const;

/** @internal */
export interface OutboxTransport {
  /** Whether it makes sense to try. */
  isOpen(): boolean;
  /** Since when Redis has taken nothing. Monotonic time; undefined while it does, as far as is known. */
  awaySince(): number | undefined;
  /** Whether something of that line is in flight past the outbox, and may come back to it. */
  isBusy(orderingKey: string): boolean;
  /** What is in flight past the outbox and stuck there: it may all come back, and counts towards the bounds. */
  stuck(): { readonly events: number; readonly bytes: number };
  /** Rejects with a PropagatorError. */
  send(publish: QueuedPublish): Promise<number>;
  /** Whether that error passes by itself. */
  isPassing(error: PropagatorError): boolean;
  /** An event is lost whose promise has resolved. */
  lost(publish: LostPublish, error: PropagatorError): void;
}

/**
 * Keeps events that could not be published, in order, until they can be. Each ordering key (mostly a channel)
 * has a queue of its own, since a part of a Cluster may be away: no event overtakes another one of its key. Bounded in
 * number, bytes and time. An event that falls out rejects its promise, or is reported as lost where the promise has
 * resolved.
 *
 * @internal
 */
export class Outbox {
  private oldest: QueuedPublish | undefined;
  private newest: QueuedPublish | undefined;
  /** All before it are in flight. */
  private firstIdle: QueuedPublish | undefined;
  private added = 0;
  /** The last error for events that had no room. */
  private full: { readonly reason: string; readonly error: PropagatorError } | undefined;
  private count = 0;
  private reportedCount = 0;
  private readonly queues = new Map<string, OutboxQueue>();
  private queuedBytes = 0;
  /** The part of these that is in flight: it makes room by itself. */
  private readonly inFlight = { events: 0, bytes: 0 };
  private timer: NodeJS.Timeout | undefined;
  private waiting: (() => void)[] = [];
  private readonly failed: Failed;

  constructor(
    private readonly limits: ResolvedOutboxOptions,
    private readonly transport: OutboxTransport,
    private readonly reporter: Reporter,
    /** How long a promise waits before it resolves although the event still waits, in ms. */
    private readonly patienceMs: number,
  ) {
    this.failed = reporter.failure('transport.failed', () => 'events in the outbox');
  }

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.queuedBytes;
  }

  /** Number of waiting events whose promises have resolved as queued. */
  get reportedQueued(): number {
    return this.reportedCount;
  }

  /** Whether there is no room, what is stuck in flight included. */
  get isFull(): boolean {
    const { maxEvents, maxBytes } = this.limits;
    const stuck = this.transport.stuck();
    return this.count + stuck.events >= maxEvents || this.queuedBytes + stuck.bytes >= maxBytes;
  }

  /** Whether an event with this ordering key waits: then later ones have to wait as well. */
  holds(orderingKey: string): boolean {
    return this.count > 0 && this.queues.has(orderingKey);
  }

  /**
   * Resolves to the number of instances that it was handed to; to undefined where that is not known after
   * `patienceMs`, unless its mode is `wait`.
   *
   * @throws PropagatorError `outbox.full`, `outbox.expired`, `redis.*`
   */
  add(publish: PublishToKeep): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const now = performance.now();
      this.insert({
        since: now,
        ...publish,
        endsAt: now + this.limits.maxAgeMs,
        order: this.added++,
        inFlight: false,
        reportedQueued: false,
        previous: undefined,
        next: undefined,
        resolve,
        reject,
      });
    });
  }

  /** Tries to publish everything now: Redis is back. */
  flush(): void {
    for (const queue of this.queues.values()) queue.retryAt = 0;
    this.flushAll();
  }

  /** Tries to publish the events of one ordering key. */
  flushQueue(orderingKey: string): void {
    const queue = this.queues.get(orderingKey);
    if (queue !== undefined) this.begin(queue);
  }

  /** Resolves once it is empty. */
  drain(): Promise<void> {
    if (this.count === 0) return Promise.resolve();
    this.flush();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  close(): void {
    for (const publish of this.all()) this.end(publish, PropagatorError.of('redis.closed', []));
  }

  private insert(publish: QueuedPublish): void {
    if (!this.evictOldestFor(publish)) return;
    let queue = this.queues.get(publish.orderingKey);
    if (queue === undefined) {
      queue = new OutboxQueue(publish.orderingKey);
      this.queues.set(publish.orderingKey, queue);
    }
    queue.insert(publish);
    this.append(publish);
    this.timer ??= every(CHECK_MS, this.failed, () => this.check());
    if (this.isLate(queue, performance.now())) this.reportQueued(publish);
    else queue.allReported = false;
  }

  /** Lets go of the oldest events where that makes room, or else of this one. */
  private evictOldestFor(publish: QueuedPublish): boolean {
    const { maxEvents, maxBytes } = this.limits;
    const stuck = this.transport.stuck();
    const events = maxEvents - stuck.events - 1;
    const bytes = maxBytes - stuck.bytes - publish.bytes.length;
    if (this.inFlight.events > events || this.inFlight.bytes > bytes) {
      const { length } = publish.bytes;
      const alone = length > maxBytes;
      const why = alone
        ? `; it takes ${length} bytes, more than outbox.maxBytes (${maxBytes})`
        : '';
      this.refuse(publish, `${publish.reason}${why}`);
      return false;
    }
    while (this.count > events || this.queuedBytes > bytes) {
      const oldest = this.oldestIdle();
      if (oldest === undefined) break;
      this.remove(oldest);
      this.refuse(oldest, oldest.reason);
    }
    return true;
  }

  /** Not each time past all that are in flight: there may be thousands. */
  private oldestIdle(): QueuedPublish | undefined {
    while (this.firstIdle?.inFlight === true) this.firstIdle = this.firstIdle.next;
    return this.firstIdle;
  }

  private refuse(publish: QueuedPublish, reason: string): void {
    // One error for many: each would take its own trace of the stack.
    if (this.full?.reason !== reason) {
      this.full = { reason, error: PropagatorError.of('outbox.full', [reason]) };
    }
    const { error } = this.full;
    this.reporter.report('outbox.full', () => error.message);
    this.fail(publish, error);
  }

  private check(): void {
    const now = performance.now();
    this.full = undefined;
    const { maxAgeMs } = this.limits;
    for (const publish of this.all()) {
      if (publish.endsAt > now) break;
      if (publish.inFlight) continue;
      const error = PropagatorError.of('outbox.expired', [maxAgeMs, publish.reason]);
      this.reporter.report('outbox.expired', () => error.message);
      this.attempt(() => this.end(publish, error));
    }
    this.attempt(() => this.reportLate(now));
    this.flushAll();
  }

  /** Resolves the promises of events that have waited for too long. */
  private reportLate(now: number): void {
    for (const queue of this.queues.values()) {
      if (queue.allReported || !this.isLate(queue, now)) continue;
      for (const publish of queue.events()) this.reportQueued(publish);
      queue.allReported = true;
    }
  }

  /** Whether events of a queue have waited for so long, or Redis has been away for so long, that promises resolve. */
  private isLate(queue: OutboxQueue, now: number): boolean {
    const since = Math.min(queue.first?.since ?? now, this.transport.awaySince() ?? now);
    return now - since >= this.patienceMs;
  }

  private reportQueued(publish: QueuedPublish): void {
    if (publish.reportedQueued || publish.mode === 'wait') return;
    publish.reportedQueued = true;
    this.reportedCount++;
    publish.resolve(undefined);
  }

  private flushAll(): void {
    this.attempt(() => {
      if (!this.transport.isOpen()) return;
      for (const queue of this.queues.values()) this.begin(queue);
    });
  }

  private begin(queue: OutboxQueue): void {
    this.attempt(() => this.send(queue));
  }

  /** A timer calls these, and nobody awaits them: an error of the transport would end the process. */
  private attempt(act: () => unknown): void {
    guarded(this.failed, act)();
  }

  private async send(queue: OutboxQueue): Promise<void> {
    if (queue.sending) return;
    queue.sending = true;
    try {
      while (this.maySend(queue)) await this.sendSome(queue);
    } finally {
      queue.sending = false;
    }
  }

  private maySend({ orderingKey, size, retryAt }: OutboxQueue): boolean {
    return (
      size > 0 &&
      retryAt <= performance.now() &&
      this.transport.isOpen() &&
      !this.transport.isBusy(orderingKey)
    );
  }

  private async sendSome(queue: OutboxQueue): Promise<void> {
    // After a failure one event finds out whether it works again.
    const some = queue.head(queue.failures > 0 ? 1 : MAX_AT_ONCE);
    const sent = await Promise.all(some.map((publish) => this.sendOne(publish)));
    if (sent.every(Boolean)) {
      queue.failures = 0;
      return;
    }
    const [shortest, longest] = PAUSE_MS;
    queue.retryAt = performance.now() + Math.min(shortest * 2 ** queue.failures, longest);
    queue.failures++;
  }

  /** Returns whether its fate is known. */
  private async sendOne(publish: QueuedPublish): Promise<boolean> {
    this.setInFlight(publish, true);
    try {
      const instances = await this.transport.send(publish);
      publish.resolve(instances);
      this.remove(publish);
      return true;
    } catch (thrown) {
      const error = thrown as PropagatorError;
      if (this.transport.isPassing(error)) {
        this.setInFlight(publish, false);
        publish.repeated = true;
        publish.reason = error.message;
        return false;
      }
      this.end(publish, error);
      return true;
    }
  }

  private setInFlight(publish: QueuedPublish, inFlight: boolean): void {
    if (publish.inFlight === inFlight) return;
    publish.inFlight = inFlight;
    if (!inFlight && publish.order < (this.firstIdle?.order ?? REMOVED)) this.firstIdle = publish;
    const sign = inFlight ? 1 : -1;
    this.inFlight.events += sign;
    this.inFlight.bytes += sign * publish.bytes.length;
  }

  private end(publish: QueuedPublish, error: PropagatorError): void {
    this.remove(publish);
    this.fail(publish, error);
  }

  private fail(publish: QueuedPublish, error: PropagatorError): void {
    if (publish.reportedQueued) this.transport.lost(publish, error);
    else publish.reject(error);
  }

  /** Oldest first. The one that is looked at may be removed. */
  private *all(): Iterable<QueuedPublish> {
    let publish = this.oldest;
    while (publish !== undefined) {
      const { next } = publish;
      yield publish;
      publish = next;
    }
  }

  private append(publish: QueuedPublish): void {
    publish.previous = this.newest;
    if (this.newest === undefined) this.oldest = publish;
    else this.newest.next = publish;
    this.newest = publish;
    this.firstIdle ??= publish;
    this.count++;
    this.queuedBytes += publish.bytes.length;
  }

  private remove(publish: QueuedPublish): void {
    const queue = this.queues.get(publish.orderingKey);
    // It may have ended before, when the outbox was closed.
    if (queue?.remove(publish) !== true) return;
    if (queue.size === 0) this.queues.delete(publish.orderingKey);
    const { previous, next } = publish;
    if (this.firstIdle === publish) this.firstIdle = next;
    publish.order = REMOVED;
    if (previous === undefined) this.oldest = next;
    else previous.next = next;
    if (next === undefined) this.newest = previous;
    else next.previous = previous;
    this.count--;
    if (publish.reportedQueued) this.reportedCount--;
    this.queuedBytes -= publish.bytes.length;
    this.setInFlight(publish, false);
    if (this.count > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
