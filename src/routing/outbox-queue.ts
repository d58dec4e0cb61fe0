import type { PropagatorError } from '../errors.js';
import type { Target } from '../wire/channel-names.js';
import type { PublishMode } from './outgoing-event.js';

/** The first and the longest pause before a queue is tried again. Each failure doubles it. */
const PAUSE_MS = [50, 800] as const;

/** The most that is sent at a time. */
const MAX_AT_ONCE = 500;
const MAX_BYTES_AT_ONCE = 1024 * 1024;
/** How many times as much may be in flight where events keep their order whatever happens: Redis may be far away. */
const MAX_BATCHES = 16;

/** An event to keep. @internal */
export interface PublishToKeep {
  readonly channel: string;
  /** The key within which order is kept: mostly the channel, or one for all channels. */
  readonly orderingKey: string;
  readonly bytes: Buffer;
  /** Its sequence: the lowest is published first. */
  readonly sequence: number;
  /** Whether Redis may have published it before. */
  readonly repeated: boolean;
  /** Why it waits. */
  readonly reason: string;
  /** When its verb was called. Monotonic time (`performance.now()`). */
  readonly since?: number;
  /** With `wait` the promise waits for the outcome. */
  readonly mode?: PublishMode;
  /** For the report of a loss. */
  readonly target?: Target;
  readonly event?: string;
}

/** An event that is lost. @internal */
export type LostPublish = Pick<PublishToKeep, 'target' | 'event'>;

/** @internal */
export interface QueuedPublish extends PublishToKeep {
  readonly since: number;
  repeated: boolean;
  reason: string;
  /** Monotonic time (`performance.now()`). */
  readonly endsAt: number;
  /** Whether it is being published. */
  inFlight: boolean;
  /** Whether its promise has resolved as queued. */
  reportedQueued: boolean;
  /** Its place in its {@link OutboxQueue}. */
  place: Place | undefined;
  readonly resolve: (instances: number | undefined) => void;
  readonly reject: (error: PropagatorError) => void;
}

/** A number of events, and their bytes. @internal */
export interface Load {
  readonly events: number;
  readonly bytes: number;
}

/** The outbox's view of the publisher. @internal */
export interface OutboxTransport {
  /** Whether events keep their order whatever their channels. */
  readonly ordersChannels: boolean;
  /** Whether it makes sense to try. */
  isOpen(): boolean;
  /** Since when Redis has taken no event. Monotonic time; undefined while Redis takes events, as far as is known. */
  awaySince(): number | undefined;
  /** Whether an event with that ordering key was published directly and is in flight: it may still enter the outbox. */
  isBusy(orderingKey: string): boolean;
  /** Direct publishes that have been in flight for long: they may enter the outbox, so new events find less room. */
  overdue(): Load;
  /** Rejects with a PropagatorError. */
  send(publish: QueuedPublish): Promise<number>;
  /** Whether a later attempt may succeed. */
  isPassing(error: PropagatorError): boolean;
  /** Called with an event that is lost after its promise has resolved. */
  lost(publish: LostPublish, error: PropagatorError): void;
}

/** A node of a {@link Chain}. */
interface Place {
  readonly publish: QueuedPublish;
  chain: Chain;
  previous: Place | undefined;
  next: Place | undefined;
}

/** A doubly linked list. */
class Chain {
  first: Place | undefined;
  last: Place | undefined;

  /** @param next undefined to insert at the end */
  insert(place: Place, next?: Place): void {
    const previous = next === undefined ? this.last : next.previous;
    place.chain = this;
    place.previous = previous;
    place.next = next;
    if (previous === undefined) this.first = place;
    else previous.next = place;
    if (next === undefined) this.last = place;
    else next.previous = place;
  }

  remove({ previous, next }: Place): void {
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
  }

  /** The first places, at most `most`. */
  take(most: number): Place[] {
    const places: Place[] = [];
    for (let at = this.first; at !== undefined && places.length < most; at = at.next)
      places.push(at);
    return places;
  }
}

/**
 * The waiting events of one ordering key, by sequence. Adding and removing an event take constant time. Thousands of
 * publishes in flight may fail together and come back after newer events: they are sorted together, when the queue is read.
 *
 * @internal
 */
export class OutboxQueue {
  /** By sequence. */
  private readonly sorted = new Chain();
  /** Events that came back after newer ones, in any order. */
  private returned = new Chain();
  private readonly inFlight = new Chain();
  private count = 0;
  /** The number of events that Redis may have taken before. */
  private repeatedCount = 0;
  /** The number of batches in flight. */
  batches = 0;
  /** The number of failures in a row. */
  failures = 0;
  /** Monotonic time (`performance.now()`). */
  retryAt = 0;
  /** Events whose promises resolve as queued once they have waited for too long. */
  readonly unreported = new Set<QueuedPublish>();

  constructor(
    readonly orderingKey: string,
    /** Whether events of several channels keep their order in flight. */
    private readonly ordersChannels: boolean,
  ) {}

  get size(): number {
    return this.count;
  }

  /**
   * Whether there are events that Redis may have taken before. They come first, and are published again. On a Cluster those of a part
   * that fails do not count: nothing waits for it.
   */
  get hasRepeated(): boolean {
    return this.repeatedCount > 0 && (this.ordersChannels || this.failures === 0);
  }

  /** When the verb of the first event was called. Monotonic time. */
  get since(): number | undefined {
    const { first: sorted } = this.sorted;
    // Events mostly come back in order.
    const { first: returned } = this.returned;
    const firsts = [sorted, returned, this.inFlight.first];
    const since = Math.min(...firsts.map((place) => place?.publish.since ?? Infinity));
    return since === Infinity ? undefined : since;
  }

  /** Whether there are events to send, and another batch may be in flight. */
  get mayBeSent(): boolean {
    const isEmpty = this.sorted.first === undefined && this.returned.first === undefined;
    const most = this.ordersChannels && this.failures === 0 ? MAX_BATCHES : 1;
    return !isEmpty && this.batches < most;
  }

  /** The {@link head} is sent: it stays in the queue, and is not sent again until it comes {@link back}. */
  take(most: number): QueuedPublish[] {
    const some = this.head(most);
    for (const { place } of some) {
      if (place === undefined) continue;
      place.chain.remove(place);
      this.inFlight.insert(place);
    }
    return some;
  }

  /** An event was not published, as far as is known. */
  back(publish: QueuedPublish): void {
    const { place } = publish;
    if (place === undefined) return;
    if (!publish.repeated) this.repeatedCount++;
    publish.repeated = true;
    place.chain.remove(place);
    this.chainFor(publish).insert(place);
  }

  /**
   * The first events, as many as keep their order in flight: on a Cluster two channels have no common order. After a failure
   * one event finds out whether it works again.
   */
  head(most: number): QueuedPublish[] {
    const some = this.firstOnes(this.failures > 0 ? 1 : Math.min(most, MAX_AT_ONCE));
    let left = MAX_BYTES_AT_ONCE;
    const end = some.findIndex(({ channel, bytes }, index) => {
      left -= bytes.length;
      return index > 0 && (left < 0 || !(this.ordersChannels || channel === some[0]?.channel));
    });
    return end < 0 ? some : some.slice(0, end);
  }

  insert(publish: QueuedPublish): void {
    const chain = this.chainFor(publish);
    const place = { publish, chain, previous: undefined, next: undefined };
    chain.insert(place);
    publish.place = place;
    this.count++;
    if (publish.repeated) this.repeatedCount++;
    if (publish.mode !== 'wait') this.unreported.add(publish);
  }

  /** Returns whether the event was in the queue. */
  remove(publish: QueuedPublish): boolean {
    const { place } = publish;
    if (place === undefined) return false;
    place.chain.remove(place);
    publish.place = undefined;
    this.count--;
    if (publish.repeated) this.repeatedCount--;
    this.unreported.delete(publish);
    return true;
  }

  /** Delays the next try. Batches that fail together are one failure. */
  pause(): void {
    const now = performance.now();
    if (this.retryAt > now) return;
    const [shortest, longest] = PAUSE_MS;
    this.retryAt = now + Math.min(shortest * 2 ** this.failures, longest);
    this.failures++;
  }

  private chainFor({ sequence }: QueuedPublish): Chain {
    const { last } = this.sorted;
    return last === undefined || last.publish.sequence <= sequence ? this.sorted : this.returned;
  }

  private firstOnes(most: number): QueuedPublish[] {
    this.sortReturned();
    return this.sorted.take(most).map(({ publish }) => publish);
  }

  private sortReturned(): void {
    if (this.returned.first === undefined) return;
    const places = this.returned.take(this.count);
    places.sort((a, b) => a.publish.sequence - b.publish.sequence);
    this.returned = new Chain();
    let next = this.sorted.first;
    for (const place of places) {
      while (next !== undefined && next.publish.sequence <= place.publish.sequence)
        next = next.next;
      this.sorted.insert(place, next);
    }
  }
}
