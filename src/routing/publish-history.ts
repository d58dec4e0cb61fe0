import type { LaneId, LanePositions } from './lanes.js';

/** A recent publish. @internal */
export interface RecentPublish {
  readonly channel: string;
  readonly bytes: Buffer;
  readonly sequence: number;
  /** When Redis replied, in monotonic time (`performance.now()`); infinite before. */
  readonly at: number;
}

/** A {@link RecentPublish} as the history stores it. @internal */
export interface KeptPublish {
  /** Its index among all publishes that were ever kept. */
  readonly index: number;
  readonly channel: string;
  readonly sequence: number;
  readonly lane: LaneId;
  /** On its lane. */
  readonly number: number;
  readonly place: ByteRange;
  at: number;
}

/** The lane of a publish and its number there. @internal */
export interface LaneStamp {
  readonly lane: LaneId;
  readonly number: number;
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
  readonly publishes: readonly (LaneStamp & Omit<RecentPublish, 'sequence'>)[];
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

/** Slots are removed this many at a time. */
const COMPACT_AT = 1_024;
/** Lanes whose last number that is not kept is remembered. */
const MAX_LANES = 1_024;

/**
 * Keeps the recent publishes of this instance, for instances that could not receive them. Bounded in bytes and age.
 *
 * @internal
 */
export class PublishHistory {
  private readonly arena = new ByteArena();
  private readonly kept: (KeptPublish | undefined)[] = [];
  /** All slots before this one are empty. */
  private oldest = 0;
  /** The number of slots removed from the front of the list. */
  private shifted = 0;
  private count = 0;
  private keptBytes = 0;
  private lastEvicted = 0;
  private evictedAt = -Infinity;
  private readonly evicted = new Map<LaneId, number>();

  constructor(private readonly limits: { readonly maxBytes: number; readonly maxAgeMs: number }) {}

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.keptBytes;
  }

  /**
   * Call it right before a publish. Set `at` of the result once Redis has replied, or call {@link drop} if the publish
   * failed.
   */
  add(channel: string, bytes: Buffer, sequence: number, lane: LaneId, number: number): KeptPublish {
    const index = this.shifted + this.kept.length;
    const place = this.arena.keep(bytes);
    const publish = { index, channel, sequence, lane, number, place, at: Infinity };
    this.kept.push(publish);
    this.count++;
    this.keptBytes += bytes.length;
    this.trim();
    return publish;
  }

  /** Removes an event whose publish failed. */
  drop(publish: KeptPublish): void {
    const index = publish.index - this.shifted;
    if (this.kept[index] === publish) this.release(index, publish);
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
    // An asker that has no position on a lane that was left long ago began later, unless it has one on an earlier lane only.
    const newest = from.size === 0 ? Infinity : Math.max(...from.keys());
    const evicted = new Map(
      [...this.evicted].filter(
        ([lane, number]) =>
          number > (from.get(lane) ?? 0) && (from.has(lane) || last.has(lane) || lane > newest),
      ),
    );
    const upTo = new Map(from);
    const publishes: HistoryPage['publishes'][number][] = [];
    let left = maxBytes;
    for (let i = Math.max(this.oldest, cursor - this.shifted); i < this.kept.length; i++) {
      const publish = this.kept[i];
      if (publish === undefined) continue;
      const { channel, lane, number, place, at } = publish;
      if (number <= (from.get(lane) ?? 0)) continue;
      if (isWanted(channel)) {
        left -= place.end - place.start + channel.length;
        if (left < 0 && publishes.length > 0) {
          // Other channels of the same event may be on the next page.
          upTo.set(lane, Math.max(upTo.get(lane) ?? 0, number - 1));
          return { publishes, upTo, cursor: publish.index, evicted };
        }
        publishes.push({ lane, number, channel, bytes: this.arena.read(place), at });
      }
      upTo.set(lane, number - 1);
    }
    for (const [lane, number] of last) upTo.set(lane, Math.max(number, upTo.get(lane) ?? 0));
    return { publishes, upTo, cursor: undefined, evicted };
  }

  clear(): void {
    this.shifted += this.kept.length;
    this.kept.length = 0;
    this.arena.clear();
    this.oldest = 0;
    this.count = 0;
    this.keptBytes = 0;
  }

  private trim(): void {
    const { maxBytes, maxAgeMs } = this.limits;
    const now = performance.now();
    for (; this.oldest < this.kept.length; this.oldest++) {
      const publish = this.kept[this.oldest];
      if (publish === undefined) continue;
      if (this.keptBytes <= maxBytes && publish.at >= now - maxAgeMs) break;
      this.release(this.oldest, publish);
      // Events that waited in the outbox follow higher sequences.
      this.evict(publish.lane, publish.number);
      this.lastEvicted = Math.max(publish.sequence, this.lastEvicted);
      this.evictedAt = Math.max(this.evictedAt, Math.min(publish.at, now));
    }
    if (this.oldest < COMPACT_AT) return;
    this.kept.splice(0, this.oldest);
    this.shifted += this.oldest;
    this.oldest = 0;
  }

  private evict(lane: LaneId, number: number): void {
    // A lane that is left has no further events. Those that were left last are remembered longest.
    this.evicted.delete(lane);
    this.evicted.set(lane, number);
    if (this.evicted.size <= MAX_LANES) return;
    const [oldest = lane] = this.evicted.keys();
    this.evicted.delete(oldest);
  }

  private release(index: number, { place }: KeptPublish): void {
    // The slot is removed later, the bytes are freed now.
    this.kept[index] = undefined;
    this.count--;
    this.keptBytes -= place.end - place.start;
    this.arena.free(place);
  }
}

const BLOCK_BYTES = 256 * 1024;
/** A block would have room for few larger ones. */
const MAX_COPIED = BLOCK_BYTES / 2;
/** Empty blocks that are kept for reuse. */
const MAX_SPARE = 2;

/** The place of kept bytes. */
interface ByteRange {
  readonly block: Block;
  readonly start: number;
  readonly end: number;
}

interface Block {
  readonly bytes: Buffer;
  readonly shared: boolean;
  used: number;
  /** The number of kept ranges in it. */
  places: number;
}

/**
 * Stores bytes that are freed mostly in the order of their allocation. They are copied into large blocks, which are reused: a
 * Buffer for each event, kept for a minute, would survive into the old generation, which is expensive to collect.
 */
class ByteArena {
  private current: Block | undefined;
  private readonly spare: Block[] = [];

  keep(bytes: Buffer): ByteRange {
    const { length } = bytes;
    if (length > MAX_COPIED) {
      const block = { bytes, shared: false, used: length, places: 1 };
      return { block, start: 0, end: length };
    }
    const block = this.blockFor(length);
    const start = block.used;
    block.bytes.set(bytes, start);
    block.used += length;
    block.places++;
    return { block, start, end: block.used };
  }

  /** Returns a copy, because the block may be reused. */
  read({ block, start, end }: ByteRange): Buffer {
    return Buffer.from(block.bytes.subarray(start, end));
  }

  free({ block }: ByteRange): void {
    block.places--;
    if (block.places > 0 || !block.shared) return;
    block.used = 0;
    if (block !== this.current && this.spare.length < MAX_SPARE) this.spare.push(block);
  }

  clear(): void {
    this.current = undefined;
    this.spare.length = 0;
  }

  private blockFor(length: number): Block {
    const { current } = this;
    if (current !== undefined && current.used + length <= BLOCK_BYTES) return current;
    this.current = this.spare.pop() ?? {
      bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES),
      shared: true,
      used: 0,
      places: 0,
    };
    return this.current;
  }
}
