import { PropagatorError } from '../errors.js';
import type { ResolvedOutboxOptions } from '../options/resolve-outbox.js';
import type { Reporter } from '../reporting/reporter.js';
import {
  type Load,
  OutboxQueue,
  type OutboxTransport,
  type PublishToKeep,
  type QueuedPublish,
} from './outbox-queue.js';
import { MAX_PER_TURN, PacedQueues } from './paced-queues.js';
import { every, guarded, soon, type Failed } from '../reporting/timers.js';

const CHECK_MS = 100;
const NOTHING: Load = Object.freeze({ events: 0, bytes: 0 });

/**
 * Keeps events that could not be published, in order, until Redis takes them. Each ordering key has a queue of its own: no
 * event overtakes another one of its key. Bounded in number, bytes and time. An event without room is refused at once. The
 * promise of an expired event rejects; if it has resolved before, the event is reported as lost.
 *
 * @internal
 */
export class Outbox {
  /** By age, oldest first. */
  private readonly all = new Set<QueuedPublish>();
  private waitingBytes = 0;
  /** The last error of refused events. */
  private full: { readonly reason: string; readonly error: PropagatorError } | undefined;
  private reportedCount = 0;
  private readonly queues = new Map<string, OutboxQueue>();
  private timer: NodeJS.Timeout | undefined;
  private readonly paced: PacedQueues;
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
    this.paced = new PacedQueues(this.failed, (queue, most) => this.send(queue, most));
  }

  get size(): number {
    return this.all.size;
  }
  get bytes(): number {
    return this.waitingBytes;
  }

  /** Number of waiting events whose promises have resolved as queued. */
  get reportedQueued(): number {
    return this.reportedCount;
  }

  /** Whether there is no room. Overdue publishes in flight count, too. */
  get isFull(): boolean {
    return !this.hasRoomFor(1, this.transport.overdue());
  }

  /** Whether a queue {@link OutboxQueue.hasRepeated}. */
  get hasRepeated(): boolean {
    for (const queue of this.queues.values()) if (queue.hasRepeated) return true;
    return false;
  }

  /** Whether an event with this ordering key waits: later ones then have to wait, too. */
  holds(orderingKey: string): boolean {
    return this.queues.has(orderingKey);
  }

  /**
   * Resolves to the number of instances that received it. Unless its mode is `wait`, it resolves to undefined if the number
   * is not known after `patienceMs`.
   *
   * @throws PropagatorError `outbox.full`, `outbox.expired`, `redis.*`
   */
  add(publish: PublishToKeep): Promise<number | undefined> {
    const { bytes, repeated } = publish;
    // Room for an event that comes back was kept before those in flight behind it.
    if (!this.hasRoomFor(bytes.length, repeated ? NOTHING : this.transport.overdue())) {
      return Promise.reject(this.refusal(publish));
    }
    return new Promise((resolve, reject) => {
      const now = performance.now();
      this.insert({
        since: now,
        ...publish,
        endsAt: now + this.limits.maxAgeMs,
        inFlight: false,
        reportedQueued: false,
        place: undefined,
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
    if (queue !== undefined) this.paced.add([queue]);
  }

  /** Resolves once it is empty. */
  drain(): Promise<void> {
    if (this.all.size === 0) return Promise.resolve();
    this.flush();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  close(): void {
    this.paced.clear();
    for (const publish of this.all) this.end(publish, PropagatorError.of('redis.closed', []));
  }

  private insert(publish: QueuedPublish): void {
    let queue = this.queues.get(publish.orderingKey);
    if (queue === undefined) {
      queue = new OutboxQueue(publish.orderingKey, this.transport.ordersChannels);
      this.queues.set(publish.orderingKey, queue);
    }
    queue.insert(publish);
    this.all.add(publish);
    this.waitingBytes += publish.bytes.length;
    this.timer ??= every(CHECK_MS, this.failed, () => this.check());
    if (this.isLate(queue, performance.now())) this.reportQueued(queue, publish);
  }

  private hasRoomFor(length: number, overdue: Load): boolean {
    const { maxEvents, maxBytes } = this.limits;
    return (
      this.all.size + overdue.events < maxEvents &&
      this.waitingBytes + overdue.bytes + length <= maxBytes
    );
  }

  private refusal({ bytes: { length }, reason }: PublishToKeep): PropagatorError {
    const { maxBytes } = this.limits;
    const why =
      length > maxBytes
        ? `${reason}; it takes ${length} bytes, more than outbox.maxBytes (${maxBytes})`
        : reason;
    // One error for all, because each error would capture its own stack trace.
    if (this.full?.reason !== why) {
      this.full = { reason: why, error: PropagatorError.of('outbox.full', [why]) };
    }
    const { error } = this.full;
    this.reporter.report('outbox.full', () => error.message);
    return error;
  }

  private check(): void {
    const now = performance.now();
    this.full = undefined;
    let unfinished = false;
    this.attempt(() => (unfinished = this.endExpired(now)));
    this.attempt(() => (unfinished = this.reportLate(now) || unfinished));
    if (unfinished) soon(this.failed, () => this.check());
    else this.flushAll();
  }

  /** Gives up events that have waited for too long. Returns whether there are more than one turn may take. */
  private endExpired(now: number): boolean {
    const { maxAgeMs } = this.limits;
    let ended = 0;
    for (const publish of this.all) {
      if (publish.endsAt > now) break;
      if (publish.inFlight) continue;
      if (ended++ === MAX_PER_TURN) return true;
      const error = PropagatorError.of('outbox.expired', [maxAgeMs, publish.reason]);
      this.reporter.report('outbox.expired', () => error.message);
      this.attempt(() => this.end(publish, error));
    }
    return false;
  }

  /** Resolves the promises of events that have waited for too long. Returns as {@link endExpired} does. */
  private reportLate(now: number): boolean {
    const before = this.reportedCount;
    for (const queue of this.queues.values()) {
      if (queue.unreported.size === 0 || !this.isLate(queue, now)) continue;
      for (const publish of queue.unreported) {
        if (this.reportedCount - before === MAX_PER_TURN) return true;
        this.reportQueued(queue, publish);
      }
    }
    return false;
  }

  /** Whether events of a queue have waited for so long, or Redis has been away for so long, that promises resolve. */
  private isLate(queue: OutboxQueue, now: number): boolean {
    const since = Math.min(queue.since ?? now, this.transport.awaySince() ?? now);
    return now - since >= this.patienceMs;
  }

  private reportQueued({ unreported }: OutboxQueue, publish: QueuedPublish): void {
    if (!unreported.delete(publish)) return;
    publish.reportedQueued = true;
    this.reportedCount++;
    publish.resolve(undefined);
  }

  private flushAll(): void {
    this.attempt(() => this.transport.isOpen() && this.paced.add(this.queues.values()));
  }
  /** Runs work that is not awaited: an error of the transport would end the process. */
  private attempt(act: () => unknown): void {
    guarded(this.failed, act)();
  }

  private send(queue: OutboxQueue, most: number): number {
    if (!this.maySend(queue)) return 0;
    const some = queue.take(most);
    this.attempt(() => this.sendSome(queue, some));
    // The next batch need not wait for the reply to this one.
    if (queue.mayBeSent) soon(this.failed, () => this.paced.add([queue]));
    return some.length;
  }

  private maySend({ orderingKey, mayBeSent, retryAt }: OutboxQueue): boolean {
    return (
      mayBeSent &&
      retryAt <= performance.now() &&
      this.transport.isOpen() &&
      !this.transport.isBusy(orderingKey)
    );
  }

  private async sendSome(queue: OutboxQueue, some: readonly QueuedPublish[]): Promise<void> {
    queue.batches++;
    try {
      const sent = await Promise.all(some.map((publish) => this.sendOne(queue, publish)));
      if (sent.every(Boolean)) queue.failures = 0;
      else queue.pause();
    } finally {
      queue.batches--;
    }
    if (queue.size > 0) this.paced.add([queue]);
  }

  /** Returns whether the outcome is final. */
  private async sendOne(queue: OutboxQueue, publish: QueuedPublish): Promise<boolean> {
    publish.inFlight = true;
    try {
      const instances = await this.transport.send(publish);
      publish.resolve(instances);
      this.remove(publish);
      return true;
    } catch (thrown) {
      const error = thrown as PropagatorError;
      if (this.transport.isPassing(error)) {
        publish.inFlight = false;
        publish.reason = error.message;
        queue.back(publish);
        return false;
      }
      this.end(publish, error);
      return true;
    }
  }

  private end(publish: QueuedPublish, error: PropagatorError): void {
    this.remove(publish);
    this.fail(publish, error);
  }

  private fail(publish: QueuedPublish, error: PropagatorError): void {
    if (publish.reportedQueued) this.transport.lost(publish, error);
    else publish.reject(error);
  }

  private remove(publish: QueuedPublish): void {
    const queue = this.queues.get(publish.orderingKey);
    // It may have ended before, when the outbox was closed.
    if (queue?.remove(publish) !== true) return;
    if (queue.size === 0) this.queues.delete(publish.orderingKey);
    this.all.delete(publish);
    this.waitingBytes -= publish.bytes.length;
    if (publish.reportedQueued) this.reportedCount--;
    if (this.all.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
