const BLOCK_BYTES = 256 * 1024;
/** Of larger ones a block would have room for few. */
const MOST_COPIED = BLOCK_BYTES / 2;
/** Empty blocks that are kept for what comes next. */
const MOST_SPARE = 2;

/** Where something is kept. @internal */
export interface BytePlace {
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
 *
 * @internal
 */
export class ByteBlocks {
  private current: Block | undefined;
  private readonly spare: Block[] = [];

  keep(bytes: Buffer): BytePlace {
    const { length } = bytes;
    if (length > MOST_COPIED) {
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
  read({ block, start, end }: BytePlace): Buffer {
    return Buffer.from(block.bytes.subarray(start, end));
  }

  giveBack({ block }: BytePlace): void {
    block.places--;
    if (block.places > 0 || !block.shared) return;
    block.used = 0;
    if (block !== this.current && this.spare.length < MOST_SPARE) this.spare.push(block);
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
