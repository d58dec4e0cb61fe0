import type { QueuedPublish } from './outbox-queue.js';

/** The order of a removed event. */
const REMOVED = Infinity;

/**
 * All events of the outbox by age, oldest first, with their number and bytes. Adding, removing and finding the oldest event
 * that is not in flight take constant time.
 *
 * @internal
 */
export class WaitingPublishes implements Iterable<QueuedPublish> {
  private oldest: QueuedPublish | undefined;
  private newest: QueuedPublish | undefined;
  /** All events before this one are in flight. */
  private firstIdle: QueuedPublish | undefined;
  private added = 0;
  /** Number of events. */
  size = 0;
  bytes = 0;
  /** The events in flight, which cannot be evicted. */
  readonly inFlight = { events: 0, bytes: 0 };

  /** Adds the newest event. */
  add(publish: QueuedPublish): void {
    publish.order = this.added++;
    publish.previous = this.newest;
    if (this.newest === undefined) this.oldest = publish;
    else this.newest.next = publish;
    this.newest = publish;
    this.firstIdle ??= publish;
    this.size++;
    this.bytes += publish.bytes.length;
  }

  /** Removes an event that was added, once. */
  remove(publish: QueuedPublish): void {
    const { previous, next } = publish;
    if (this.firstIdle === publish) this.firstIdle = next;
    publish.order = REMOVED;
    if (previous === undefined) this.oldest = next;
    else previous.next = next;
    if (next === undefined) this.newest = previous;
    else next.previous = previous;
    this.size--;
    this.bytes -= publish.bytes.length;
    this.setInFlight(publish, false);
  }

  setInFlight(publish: QueuedPublish, inFlight: boolean): void {
    if (publish.inFlight === inFlight) return;
    publish.inFlight = inFlight;
    if (!inFlight && publish.order < (this.firstIdle?.order ?? REMOVED)) this.firstIdle = publish;
    const sign = inFlight ? 1 : -1;
    this.inFlight.events += sign;
    this.inFlight.bytes += sign * publish.bytes.length;
  }

  /** The oldest event that is not in flight. Thousands in flight are skipped once, not each time. */
  oldestIdle(): QueuedPublish | undefined {
    while (this.firstIdle?.inFlight === true) this.firstIdle = this.firstIdle.next;
    return this.firstIdle;
  }

  /** The current event may be removed. */
  *[Symbol.iterator](): Iterator<QueuedPublish> {
    let publish = this.oldest;
    while (publish !== undefined) {
      const { next } = publish;
      yield publish;
      publish = next;
    }
  }
}
