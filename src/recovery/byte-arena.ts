const BLOCK_BYTES = 256 * 1024;
/** A block would have room for few larger ones. */
const MAX_COPIED = BLOCK_BYTES / 2;
/** Empty blocks that are kept for reuse. */
const MAX_SPARE = 2;

/** The place of kept bytes. @internal */
export interface ByteRange {
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
 *
 * @internal
 */
export class ByteArena {
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
