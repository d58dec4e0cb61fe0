import type { LaneId } from './lanes.js';

/** The lane of a publish and its number there. @internal */
export interface LaneStamp {
  readonly lane: LaneId;
  readonly number: number;
}

const BLOCK_BYTES = 256 * 1024;
const BLOCK_EVENTS = 2_048;
/**
 * A block would have room for few larger events, so these are kept by reference. Smaller events, also those of 64 KB, are copied:
 * Buffers that are kept outlive the cheap collections, and make V8 collect the whole heap (bench/README.md).
 */
const MAX_COPIED = BLOCK_BYTES / 2;
const ALIGNMENT = 8;
/** The time of an event that is not kept any more. @internal */
export const GONE = -Infinity;

/**
 * Successive events, as a few numbers each, and their bytes copied one behind the other. An object and a Buffer for each
 * event, kept for a minute, would survive into the old generation, which is expensive to collect.
 *
 * @internal
 */
export class HistoryBlock {
  /**
   * Shared memory, because V8 does not count it: other Buffers make it collect the whole heap for every few that are kept,
   * and it may go on doing so (bench/README.md).
   */
  private readonly bytes = Buffer.from(new SharedArrayBuffer(BLOCK_BYTES));
  private readonly starts = new Uint32Array(BLOCK_EVENTS);
  private readonly lanes = new Uint32Array(BLOCK_EVENTS);
  private readonly numbers = new Float64Array(BLOCK_EVENTS);
  /** The events that are kept by reference, by slot. */
  private readonly large = new Map<number, Buffer>();
  private used = 0;
  readonly lengths = new Uint32Array(BLOCK_EVENTS);
  readonly sequences = new Float64Array(BLOCK_EVENTS);
  readonly at = new Float64Array(BLOCK_EVENTS);
  readonly channels: string[] = [];
  /** The index of the event in the first slot. */
  first = 0;
  length = 0;
  /** The slots before this one are empty. */
  oldest = 0;

  /** Empties the block. */
  begin(first: number): void {
    this.first = first;
    this.length = 0;
    this.oldest = 0;
    this.used = 0;
    this.channels.length = 0;
    this.large.clear();
  }

  hasRoom(length: number): boolean {
    if (this.length === BLOCK_EVENTS) return false;
    return length > MAX_COPIED || this.used + length <= BLOCK_BYTES;
  }

  add(channel: string, bytes: Buffer, sequence: number, lane: LaneId, number: number): void {
    const slot = this.length++;
    this.channels.push(channel);
    this.sequences[slot] = sequence;
    this.lanes[slot] = lane;
    this.numbers[slot] = number;
    this.at[slot] = Infinity;
    this.starts[slot] = this.used;
    this.lengths[slot] = bytes.length;
    if (bytes.length > MAX_COPIED) {
      this.large.set(slot, bytes);
      return;
    }
    this.bytes.set(bytes, this.used);
    // V8 copies into shared memory byte by byte, unless the place is aligned like the source.
    this.used += Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT;
  }

  taken(slot: number): void {
    if (this.at[slot] !== GONE) this.at[slot] = performance.now();
  }

  release(slot: number): void {
    this.at[slot] = GONE;
    this.channels[slot] = '';
    this.large.delete(slot);
  }

  stampOf(slot: number): LaneStamp {
    return { lane: this.lanes[slot] ?? 0, number: this.numbers[slot] ?? 0 };
  }

  /** Returns a copy, because the block may be reused. */
  read(slot: number): Buffer {
    const start = this.starts[slot] ?? 0;
    const end = start + (this.lengths[slot] ?? 0);
    return Buffer.from(this.large.get(slot) ?? this.bytes.subarray(start, end));
  }
}
