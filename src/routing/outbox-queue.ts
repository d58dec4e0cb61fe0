import type { PropagatorError } from '../errors.js';
import type { Target } from '../wire/channel-names.js';
import type { PublishMode } from './outgoing-event.js';

/** Removed entries at the front are let go of this many at a time. */
const COMPACT_AT = 1_024;

/** An event to keep. @internal */
export interface PublishToKeep {
  readonly channel: string;
  /** The key within which order is kept: mostly the channel. */
  readonly orderingKey: string;
  readonly bytes: Buffer;
  /** Its number among the events of this instance: the lowest goes first. */
  readonly sequence: number;
  /** Whether Redis may have had it already. */
  readonly repeated: boolean;
  /** Why it is here. */
  readonly reason: string;
  /** When its verb was called. Monotonic time (`performance.now()`). */
  readonly since?: number;
  /** With `wait` the promise waits until all is known. */
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
  /** Redis is being asked to take it, so its fate is known soon. */
  inFlight: boolean;
  /** Its promise has resolved as queued. */
  reportedQueued: boolean;
  /** Its place among all events, the oldest first. */
  order: number;
  /** Neighbours in the list of all events, oldest first. */
  previous: QueuedPublish | undefined;
  next: QueuedPublish | undefined;
  readonly resolve: (instances: number | undefined) => void;
  readonly reject: (error: PropagatorError) => void;
}

/**
 * The waiting events of one ordering key, by sequence. Adding the newest and removing the first take the
 * same time however many wait.
 *
 * @internal
 */
export class OutboxQueue {
  private readonly waiting: (QueuedPublish | undefined)[] = [];
  /** Index of the first one. */
  private start = 0;
  sending = false;
  /** In a row. */
  failures = 0;
  /** Monotonic time (`performance.now()`). */
  retryAt = 0;
  /** Whether all promises have resolved that do not wait until the end. */
  allReported = true;

  constructor(readonly orderingKey: string) {}

  get size(): number {
    return this.waiting.length - this.start;
  }

  get first(): QueuedPublish | undefined {
    return this.waiting[this.start];
  }

  events(): QueuedPublish[] {
    return this.firstOnes(this.size);
  }

  /** The first ones, as many as go over one channel: on a Cluster two channels have no common order. */
  head(most: number): QueuedPublish[] {
    const some = this.firstOnes(most);
    const end = some.findIndex(({ channel }) => channel !== some[0]?.channel);
    return end < 0 ? some : some.slice(0, end);
  }

  /** An event that was in flight may come back later than events that were emitted after it. */
  insert(publish: QueuedPublish): void {
    const last = this.waiting.at(-1);
    if (this.size === 0 || last === undefined || last.sequence <= publish.sequence) {
      this.waiting.push(publish);
      return;
    }
    this.waiting.splice(this.indexAfter(publish.sequence), 0, publish);
  }

  /** Returns whether it was there. */
  remove(publish: QueuedPublish): boolean {
    if (this.first === publish) {
      this.waiting[this.start++] = undefined;
      if (this.start >= COMPACT_AT && this.start * 2 >= this.waiting.length) {
        this.waiting.splice(0, this.start);
        this.start = 0;
      }
      return true;
    }
    // Of equal numbers (there are none but in tests) any may come first.
    for (let index = this.indexAfter(publish.sequence) - 1; index >= this.start; index--) {
      const found = this.waiting[index];
      if (found === publish) {
        this.waiting.splice(index, 1);
        return true;
      }
      if (found === undefined || found.sequence < publish.sequence) return false;
    }
    return false;
  }

  private firstOnes(most: number): QueuedPublish[] {
    return this.waiting.slice(this.start, this.start + most) as QueuedPublish[];
  }

  /** Where the first event with a higher number is. */
  private indexAfter(sequence: number): number {
    let [low, high] = [this.start, this.waiting.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.waiting[middle]?.sequence ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
