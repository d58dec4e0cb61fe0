import { GONE, HistoryBlock, type LaneStamp } from './history-block.js';
import { MAX_LANES } from '../wire/cluster-message.js';
import type { LaneId, LanePositions } from './lanes.js';

interface KeptPublish extends LaneStamp {
  readonly channel: string;
  readonly bytes: Buffer;
  /** When Redis replied, in monotonic time (`performance.now()`); infinite before. */
  readonly at: number;
}

/** @internal */
export interface HistoryQuestion {
  /** The last number on each lane that the asker has; a lane that is not named: none. */
  readonly from: LanePositions;
  /** Where the previous page ended. */
  readonly cursor?: number | undefined;
  readonly isWanted: (channel: string) => boolean;
  readonly maxBytes: number;
}

/** A part of the history, in the order in which it was handed to the transport. @internal */
export interface HistoryPage {
  readonly publishes: readonly KeptPublish[];
  /** With this page the asker has all numbers up to these, of the channels that it wants. */
  readonly upTo: LanePositions;
  /** Where the next page begins; undefined: this is the last one. */
  readonly cursor: number | undefined;
  /** The highest number on each lane, beyond those that the asker has, of events that are not kept any more. */
  readonly evicted: LanePositions;
}

/** Events that are not kept any more. @internal */
export interface Forgotten {
  /** The highest sequence; 0: none. */
  readonly sequence: number;
  /** When the last of them was published, in monotonic time (`performance.now()`). */
  readonly at: number;
}

/** @internal */
export interface HistoryLimits {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/**
 * Keeps the recent publishes of this instance, for instances that could not receive them. Bounded in bytes and age.
 *
 * @internal
 */
export class PublishHistory {
  /** The blocks, the oldest first. New events enter the last one. */
  private readonly blocks: HistoryBlock[] = [];
  /** An empty block, kept for reuse. */
  private spare: HistoryBlock | undefined;
  /** The number of events that were ever added. */
  private added = 0;
  private count = 0;
  private keptBytes = 0;
  private lastEvicted = 0;
  private evictedAt = -Infinity;
  private readonly evicted = new Map<LaneId, number>();
  /** The lane of the last event that was evicted. */
  private lastLane: LaneId = 0;

  constructor(private readonly limits: HistoryLimits) {}

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.keptBytes;
  }

  /**
   * Call `add` right before a publish, then {@link taken} or {@link drop} with the result: the index of the event among all
   * events that were ever added. Nothing may write to large bytes from now on: they are not copied.
   *
   * @param now monotonic time (`performance.now()`)
   */
  add(
    channel: string,
    bytes: Buffer,
    sequence: number,
    lane: LaneId,
    number: number,
    now = performance.now(),
  ): number {
    this.blockFor(bytes.length).add(channel, bytes, sequence, lane, number);
    this.count++;
    this.keptBytes += bytes.length;
    this.trim(this.limits.maxBytes, now);
    return this.added++;
  }

  /** Redis has taken an event. */
  taken(index: number): void {
    const block = this.blockOf(index);
    block?.taken(index - block.first);
  }

  /** Removes an event whose publish failed. */
  drop(index: number): void {
    const block = this.blockOf(index);
    if (block !== undefined) this.release(block, index - block.first);
  }

  /** The highest sequence of events that are not kept any more, and when the last of them was published. */
  get forgotten(): Forgotten {
    return { sequence: this.lastEvicted, at: this.evictedAt };
  }

  /**
   * A page of what was published, or is under way, after some positions. Ends before it has more than so many bytes, but
   * has at least one event.
   *
   * @param last the last number that was given on each lane
   */
  after(
    { from, cursor = 0, isWanted, maxBytes }: HistoryQuestion,
    last: LanePositions,
  ): HistoryPage {
    this.trim();
    const evicted = evictedAfter(this.evicted, from, last);
    const upTo = new Map(from);
    const publishes: KeptPublish[] = [];
    let left = maxBytes;
    for (const [block, slot] of this.keptFrom(cursor)) {
      const { lane, number } = block.stampOf(slot);
      if (number <= (from.get(lane) ?? 0)) continue;
      const channel = block.channels[slot] ?? '';
      if (isWanted(channel)) {
        left -= (block.lengths[slot] ?? 0) + channel.length;
        if (left < 0 && publishes.length > 0) {
          // Other channels of the same event may be on the next page.
          upTo.set(lane, Math.max(upTo.get(lane) ?? 0, number - 1));
          return { publishes, upTo, cursor: block.first + slot, evicted };
        }
        const at = block.at[slot] ?? Infinity;
        publishes.push({ lane, number, channel, bytes: block.read(slot), at });
      }
      upTo.set(lane, number - 1);
    }
    for (const [lane, number] of last) upTo.set(lane, Math.max(number, upTo.get(lane) ?? 0));
    return { publishes, upTo, cursor: undefined, evicted };
  }

  /** The highest number on each lane of events that are not kept any more. */
  get evictedLanes(): LanePositions {
    return this.evicted;
  }

  /** Forgets the oldest events until the others take `maxBytes` at most. */
  shrink(maxBytes: number): void {
    this.trim(Math.min(maxBytes, this.limits.maxBytes));
  }

  clear(): void {
    this.blocks.length = 0;
    this.spare = undefined;
    this.count = 0;
    this.keptBytes = 0;
  }

  /** The kept events from an index on. */
  private *keptFrom(index: number): Generator<readonly [HistoryBlock, number]> {
    for (const block of this.blocks) {
      for (let slot = Math.max(block.oldest, index - block.first); slot < block.length; slot++) {
        if (block.at[slot] !== GONE) yield [block, slot];
      }
    }
  }

  private trim(maxBytes = this.limits.maxBytes, now = performance.now()): void {
    const { maxAgeMs } = this.limits;
    for (let block = this.blocks[0]; block !== undefined; block = this.blocks[0]) {
      for (; block.oldest < block.length; block.oldest++) {
        const slot = block.oldest;
        const at = block.at[slot] ?? GONE;
        if (at === GONE) continue;
        if (this.keptBytes <= maxBytes && at >= now - maxAgeMs) return;
        const { lane, number } = block.stampOf(slot);
        this.evict(lane, number);
        // Take the maximum: events that waited in the outbox follow events with higher sequences.
        this.lastEvicted = Math.max(block.sequences[slot] ?? 0, this.lastEvicted);
        this.evictedAt = Math.max(this.evictedAt, Math.min(at, now));
        this.release(block, slot);
      }
      this.blocks.shift();
      this.spare = block;
    }
  }

  private evict(lane: LaneId, number: number): void {
    // A lane that is left has no further events. Those that were left last are remembered longest.
    if (lane !== this.lastLane) this.evicted.delete(lane);
    this.lastLane = lane;
    this.evicted.set(lane, number);
    if (this.evicted.size <= MAX_LANES) return;
    const [oldest = lane] = this.evicted.keys();
    this.evicted.delete(oldest);
  }

  private release(block: HistoryBlock, slot: number): void {
    if (block.at[slot] === GONE) return;
    this.count--;
    this.keptBytes -= block.lengths[slot] ?? 0;
    block.release(slot);
  }

  /** The block of an event, mostly the last one: publishes in flight are the newest. Undefined if the event is not kept any more. */
  private blockOf(index: number): HistoryBlock | undefined {
    for (let i = this.blocks.length - 1; i >= 0; i--) {
      const block = this.blocks[i];
      if (block !== undefined && index >= block.first) return block;
    }
    return undefined;
  }

  private blockFor(length: number): HistoryBlock {
    const current = this.blocks.at(-1);
    if (current?.hasRoom(length) === true) return current;
    const block = this.spare ?? new HistoryBlock();
    this.spare = undefined;
    block.begin(this.added);
    this.blocks.push(block);
    return block;
  }
}

/**
 * The lanes with events that are not kept any more and that an instance with these positions has not received.
 *
 * @param last the last number that was given on each lane
 * @internal
 */
export function evictedAfter(
  evicted: LanePositions,
  from: LanePositions,
  last: LanePositions,
): LanePositions {
  // An asker that has no position on a lane that was left long ago began later, unless it has one on an earlier lane only.
  const newest = from.size === 0 ? Infinity : Math.max(...from.keys());
  return new Map(
    [...evicted].filter(
      ([lane, number]) =>
        number > (from.get(lane) ?? 0) && (from.has(lane) || last.has(lane) || lane > newest),
    ),
  );
}
