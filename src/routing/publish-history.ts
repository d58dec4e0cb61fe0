/** What was published a moment ago. @internal */
export interface RecentPublish {
  readonly channel: string;
  readonly bytes: Buffer;
  readonly sequence: number;
  /** When Redis had answered, in monotonic time (`performance.now()`); infinite before. */
  readonly at: number;
}

/** The same, as it is kept. @internal */
export interface KeptPublish {
  /** Its place among all that were ever kept. */
  readonly index: number;
  readonly channel: string;
  readonly sequence: number;
  readonly place: ByteRange;
  at: number;
}

/** @internal */
export interface RecentSelection {
  readonly publishes: readonly RecentPublish[];
  /** The highest number of those from that time that are not kept any more. */
  readonly lastEvicted: number | undefined;
}

/** How many are let go of at a time. */
const COMPACT_AT = 1_024;

/**
 * Keeps what this instance has published lately, for instances that could not hear it. Bounded by bytes and by age.
 *
 * @internal
 */
export class PublishHistory {
  private readonly arena = new ByteArena();
  private readonly kept: (KeptPublish | undefined)[] = [];
  /** All before this one are let go. */
  private oldest = 0;
  /** How many have been taken off the front of the list. */
  private shifted = 0;
  private count = 0;
  private keptBytes = 0;
  private lastEvicted: { readonly sequence: number; readonly at: number } | undefined;

  constructor(private readonly limits: { readonly maxBytes: number; readonly maxAgeMs: number }) {}

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.keptBytes;
  }

  /**
   * To be called right before it is published; `at` of what comes back is to be set once Redis has it, or {@link drop}
   * to be called where it has not.
   */
  add(channel: string, bytes: Buffer, sequence: number): KeptPublish {
    const index = this.shifted + this.kept.length;
    const publish = { index, channel, sequence, place: this.arena.keep(bytes), at: Infinity };
    this.kept.push(publish);
    this.count++;
    this.keptBytes += bytes.length;
    this.trim();
    return publish;
  }

  /** It was not published after all. */
  drop(publish: KeptPublish): void {
    const index = publish.index - this.shifted;
    if (this.kept[index] === publish) this.release(index, publish);
  }

  /** What was published since so many ms ago, or is under way, to the channels that are wanted. */
  since(ageMs: number, isWanted: (channel: string) => boolean = () => true): RecentSelection {
    this.trim();
    const from = performance.now() - ageMs;
    const { lastEvicted: lastForgotten } = this;
    const publishes: RecentPublish[] = [];
    for (let i = this.oldest; i < this.kept.length; i++) {
      const publish = this.kept[i];
      if (publish === undefined || publish.at < from) continue;
      const { channel, sequence, place, at } = publish;
      if (!isWanted(channel)) continue;
      publishes.push({ channel, sequence, bytes: this.arena.read(place), at });
    }
    const forgotten =
      lastForgotten !== undefined && lastForgotten.at >= from ? lastForgotten.sequence : undefined;
    return { publishes, lastEvicted: forgotten };
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
      // What waited in the outbox comes after higher numbers.
      const { sequence = 0, at = -Infinity } = this.lastEvicted ?? {};
      this.lastEvicted = {
        sequence: Math.max(publish.sequence, sequence),
        at: Math.max(Math.min(publish.at, now), at),
      };
    }
    if (this.oldest < COMPACT_AT) return;
    this.kept.splice(0, this.oldest);
    this.shifted += this.oldest;
    this.oldest = 0;
  }

  private release(index: number, { place }: KeptPublish): void {
    // The slot goes later, the bytes now.
    this.kept[index] = undefined;
    this.count--;
    this.keptBytes -= place.end - place.start;
    this.arena.free(place);
  }
}

const BLOCK_BYTES = 256 * 1024;
/** Of larger ones a block would have room for few. */
const MAX_COPIED = BLOCK_BYTES / 2;
/** Empty blocks that are kept for what comes next. */
const MAX_SPARE = 2;

/** Where something is kept. */
interface ByteRange {
  readonly block: Block;
  readonly start: number;
  readonly end: number;
}

interface Block {
  readonly bytes: Buffer;
  readonly shared: boolean;
  used: number;
  /** How many places in it are kept. */
  places: number;
}

/**
 * Keeps bytes, mostly in the order in which they are given back. They are copied into large blocks, which are used again:
 * a Buffer for each, kept for a minute, would leave the memory of each to the slow kind of garbage collection.
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

  /** A copy: the block may be used again. */
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
