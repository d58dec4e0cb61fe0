import { PropagatorError } from '../errors.js';
import type { ResolvedOutboxOptions } from '../options/resolve-outbox.js';
import type { Reporter } from '../reporting/reporter.js';
import {
  OutboxLine,
  type LostPublish,
  type PublishToKeep,
  type QueuedPublish,
} from './outbox-queue.js';

const CHECK_MS = 100;
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
  isBusy(line: string): boolean;
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
 * Keeps events that could not be published, in order, until they can be. Each line has a queue of its own, mostly one
 * channel's, since a part of a Cluster may be away: nothing overtakes an event that waits in the same line. Bounded in
 * number, bytes and time. An event that falls out rejects its promise, or is reported as lost where the promise has
 * resolved.
 *
 * @internal
 */
export class Outbox {
  private oldest: QueuedPublish | undefined;
  private newest: QueuedPublish | undefined;
  private count = 0;
  private toldCount = 0;
  private readonly lines = new Map<string, OutboxLine>();
  private queuedBytes = 0;
  /** Of these, what is under way: it makes room by itself. */
  private readonly underWay = { events: 0, bytes: 0 };
  private timer: NodeJS.Timeout | undefined;
  private waiting: (() => void)[] = [];

  constructor(
    private readonly limits: ResolvedOutboxOptions,
    private readonly transport: OutboxTransport,
    private readonly reporter: Reporter,
    /** How long a promise waits before it resolves although the event still waits, in ms. */
    private readonly patienceMs: number,
  ) {}

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.queuedBytes;
  }

  /** How many wait whose promises have resolved. */
  get told(): number {
    return this.toldCount;
  }

  /** Whether there is no room, what is stuck in flight included. */
  get isFull(): boolean {
    const { maxEvents, maxBytes } = this.limits;
    const stuck = this.transport.stuck();
    return this.count + stuck.events >= maxEvents || this.queuedBytes + stuck.bytes >= maxBytes;
  }

  /** Whether something waits in this line: then later events have to wait as well. */
  holds(line: string): boolean {
    return this.count > 0 && this.lines.has(line);
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
        underWay: false,
        told: false,
        previous: undefined,
        next: undefined,
        resolve,
        reject,
      });
    });
  }

  /** Tries to publish everything now: Redis is back. */
  flush(): void {
    for (const line of this.lines.values()) line.notBefore = 0;
    this.flushAll();
  }

  /** Tries to publish the events of one line. */
  flushLine(name: string): void {
    const line = this.lines.get(name);
    if (line !== undefined) this.begin(line);
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
    if (!this.makeRoomFor(publish)) return;
    let line = this.lines.get(publish.line);
    if (line === undefined) {
      line = new OutboxLine(publish.line);
      this.lines.set(publish.line, line);
    }
    line.insert(publish);
    this.append(publish);
    this.timer ??= setInterval(() => this.check(), CHECK_MS);
    if (this.isLate(line, performance.now())) this.tell(publish);
    else line.allTold = false;
  }

  /** Lets go of the oldest events where that makes room, or else of this one. */
  private makeRoomFor(publish: QueuedPublish): boolean {
    const { maxEvents, maxBytes } = this.limits;
    const stuck = this.transport.stuck();
    const events = maxEvents - stuck.events - 1;
    const bytes = maxBytes - stuck.bytes - publish.bytes.length;
    if (this.underWay.events > events || this.underWay.bytes > bytes) {
      const { length } = publish.bytes;
      const alone = length > maxBytes;
      const why = alone
        ? `; it takes ${length} bytes, more than outbox.maxBytes (${maxBytes})`
        : '';
      this.refuse(publish, `${publish.reason}${why}`);
      return false;
    }
    for (const oldest of this.all()) {
      if (this.count <= events && this.queuedBytes <= bytes) break;
      if (oldest.underWay) continue;
      this.remove(oldest);
      this.refuse(oldest, oldest.reason);
    }
    return true;
  }

  private refuse(publish: QueuedPublish, reason: string): void {
    const error = PropagatorError.of('outbox.full', [reason]);
    this.reporter.report('outbox.full', () => error.message);
    this.fail(publish, error);
  }

  private check(): void {
    const now = performance.now();
    const { maxAgeMs } = this.limits;
    for (const publish of this.all()) {
      if (publish.endsAt > now) break;
      if (publish.underWay) continue;
      const error = PropagatorError.of('outbox.expired', [maxAgeMs, publish.reason]);
      this.reporter.report('outbox.expired', () => error.message);
      this.attempt(() => this.end(publish, error));
    }
    this.attempt(() => this.tellLate(now));
    this.flushAll();
  }

  /** Resolves the promises of events that have waited for too long. */
  private tellLate(now: number): void {
    for (const line of this.lines.values()) {
      if (line.allTold || !this.isLate(line, now)) continue;
      for (const publish of line.events()) this.tell(publish);
      line.allTold = true;
    }
  }

  /** Whether events of a line have waited for so long, or Redis has been away for so long, that promises resolve. */
  private isLate(line: OutboxLine, now: number): boolean {
    const since = Math.min(line.first?.since ?? now, this.transport.awaySince() ?? now);
    return now - since >= this.patienceMs;
  }

  private tell(publish: QueuedPublish): void {
    if (publish.told || publish.mode === 'wait') return;
    publish.told = true;
    this.toldCount++;
    publish.resolve(undefined);
  }

  private flushAll(): void {
    this.attempt(() => {
      if (!this.transport.isOpen()) return;
      for (const line of this.lines.values()) this.begin(line);
    });
  }

  private begin(line: OutboxLine): void {
    this.attempt(() => this.send(line));
  }

  /** A timer calls these, and nobody awaits them: an error of the transport would end the process. */
  private attempt(act: () => unknown): void {
    this.reporter.attempt('transport.failed', () => 'events in the outbox', act);
  }

  private async send(line: OutboxLine): Promise<void> {
    if (line.sending) return;
    line.sending = true;
    try {
      while (this.maySend(line)) await this.sendSome(line);
    } finally {
      line.sending = false;
    }
  }

  private maySend({ name, size, notBefore }: OutboxLine): boolean {
    return (
      size > 0 &&
      notBefore <= performance.now() &&
      this.transport.isOpen() &&
      !this.transport.isBusy(name)
    );
  }

  private async sendSome(line: OutboxLine): Promise<void> {
    // After a failure one event finds out whether it works again.
    const some = line.begin(line.failures > 0 ? 1 : MAX_AT_ONCE);
    const sent = await Promise.all(some.map((publish) => this.sendOne(publish)));
    if (sent.every(Boolean)) {
      line.failures = 0;
      return;
    }
    const [shortest, longest] = PAUSE_MS;
    line.notBefore = performance.now() + Math.min(shortest * 2 ** line.failures, longest);
    line.failures++;
  }

  /** Returns whether its fate is known. */
  private async sendOne(publish: QueuedPublish): Promise<boolean> {
    this.setUnderWay(publish, true);
    try {
      const instances = await this.transport.send(publish);
      publish.resolve(instances);
      this.remove(publish);
      return true;
    } catch (thrown) {
      const error = thrown as PropagatorError;
      if (this.transport.isPassing(error)) {
        this.setUnderWay(publish, false);
        publish.repeated = true;
        publish.reason = error.message;
        return false;
      }
      this.end(publish, error);
      return true;
    }
  }

  private setUnderWay(publish: QueuedPublish, underWay: boolean): void {
    if (publish.underWay === underWay) return;
    publish.underWay = underWay;
    const sign = underWay ? 1 : -1;
    this.underWay.events += sign;
    this.underWay.bytes += sign * publish.bytes.length;
  }

  private end(publish: QueuedPublish, error: PropagatorError): void {
    this.remove(publish);
    this.fail(publish, error);
  }

  private fail(publish: QueuedPublish, error: PropagatorError): void {
    if (publish.told) this.transport.lost(publish, error);
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
    this.count++;
    this.queuedBytes += publish.bytes.length;
  }

  private remove(publish: QueuedPublish): void {
    const line = this.lines.get(publish.line);
    // It may have ended before, when the outbox was closed.
    if (line?.remove(publish) !== true) return;
    if (line.size === 0) this.lines.delete(publish.line);
    const { previous, next } = publish;
    if (previous === undefined) this.oldest = next;
    else previous.next = next;
    if (next === undefined) this.newest = previous;
    else next.previous = previous;
    this.count--;
    if (publish.told) this.toldCount--;
    this.queuedBytes -= publish.bytes.length;
    this.setUnderWay(publish, false);
    if (this.count > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
