const BLOCK_BYTES = 256 * 1024;
/** A block would have room for few larger ones. */
const MAX_COPIED = BLOCK_BYTES / 2;
/** Empty blocks that are kept for reuse. */
const MAX_SPARE = 2;

/** @internal */
export interface Block {
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

  /** Keeps bytes in a block: they are the last ones that are used in it. */
  keep(bytes: Buffer): Block {
    const { length } = bytes;
    if (length > MAX_COPIED) return { bytes, shared: false, used: length, places: 1 };
    const block = this.blockFor(length);
    block.bytes.set(bytes, block.used);
    block.used += length;
    block.places++;
    return block;
  }

  free(block: Block): void {
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
