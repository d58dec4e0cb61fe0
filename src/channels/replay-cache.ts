const FIRST_SLOTS = 1_024;
/** 4 MiB of numbers for each of the two generations. */
const MAX_TAGS = 262_144;

/** Signatures as pairs of 32-bit numbers, in open addressing: a Set of strings would take ten times the memory. */
class Generation {
  private slots = new Uint32Array(2 * FIRST_SLOTS);
  size = 0;

  /** Returns false for a known signature. */
  add(high: number, low: number): boolean {
    if (this.size * 2 >= this.slots.length / 2) this.grow();
    const at = this.find(high, low);
    if (this.slots[at] !== 0 || this.slots[at + 1] !== 0) return false;
    this.slots[at] = high;
    this.slots[at + 1] = low;
    this.size++;
    return true;
  }

  has(high: number, low: number): boolean {
    const at = this.find(high, low);
    return this.slots[at] !== 0 || this.slots[at + 1] !== 0;
  }

  /** The place of a signature, or the free place for it. */
  private find(high: number, low: number): number {
    const { slots } = this;
    const mask = slots.length - 1;
    // Signatures are as good as random: no hash is needed.
    let at = (low * 2) & mask;
    while (
      (slots[at] !== 0 || slots[at + 1] !== 0) &&
      (slots[at] !== high || slots[at + 1] !== low)
    ) {
      at = (at + 2) & mask;
    }
    return at;
  }

  private grow(): void {
    const before = this.slots;
    this.slots = new Uint32Array(2 * before.length);
    this.size = 0;
    for (let at = 0; at < before.length; at += 2) {
      const [high = 0, low = 0] = [before[at], before[at + 1]];
      if (high !== 0 || low !== 0) this.add(high, low);
    }
  }
}

/**
 * The signatures of recent messages, so that no message is accepted twice: at least those of the last `lastingMs`,
 * unless there are more than {@link MAX_TAGS} in that time.
 *
 * @internal
 */
export class ReplayCache {
  private current = new Generation();
  private previous = new Generation();
  private rotatedAt: number;

  /** @param now monotonic time in ms */
  constructor(
    private readonly lastingMs: number,
    private readonly onFull: () => void = () => undefined,
    private readonly now: () => number = () => performance.now(),
    private readonly maxTags: number = MAX_TAGS,
  ) {
    this.rotatedAt = now();
  }

  /** The number of remembered signatures. */
  get size(): number {
    return this.current.size + this.previous.size;
  }

  /** Remembers a signature. Returns false if it was known already. */
  add(tag: Buffer): boolean {
    this.rotate();
    const high = tag.readUInt32BE(0);
    // Two zeros mark an empty place.
    const low = tag.readUInt32BE(4) || 1;
    return !this.previous.has(high, low) && this.current.add(high, low);
  }

  private rotate(): void {
    const now = this.now();
    const age = now - this.rotatedAt;
    const full = this.current.size >= this.maxTags;
    if (age < this.lastingMs && !full) return;
    if (full && age < this.lastingMs) this.onFull();
    // After such a pause all signatures are older than `lastingMs`.
    this.previous = age < 2 * this.lastingMs ? this.current : new Generation();
    this.current = new Generation();
    this.rotatedAt = now;
  }
}
