const SECOND_MS = 1_000;
/** The maximum number of addresses that are remembered: some 10 MB. */
const MAX_ADDRESSES = 100_000;
/** Tolerance for sums of fractions. */
const ROUNDING_MS = 0.001;

/**
 * Limits handshakes of each address, or events of each client, per second and at once. Each has a token bucket,
 * stored as the moment when it is full again. An address whose bucket is full is forgotten, because an unknown
 * address has a full bucket as well.
 *
 * @internal
 */
export class RateLimiter {
  /** In the order of the last use. */
  private readonly fullAt = new Map<string, number>();
  private readonly intervalMs: number;
  private readonly burstMs: number;

  /** @param now monotonic time in ms */
  constructor(
    perSecond: number,
    private readonly mostAddresses = MAX_ADDRESSES,
    private readonly now: () => number = () => performance.now(),
    atOnce: number = perSecond,
  ) {
    this.intervalMs = SECOND_MS / perSecond;
    this.burstMs = atOnce * this.intervalMs;
  }

  /** The number of stored addresses. */
  get size(): number {
    return this.fullAt.size;
  }

  /** Counts a handshake or an event. Returns 0 if it is allowed, otherwise the ms until the next one is. */
  take(address: string): number {
    const now = this.now();
    this.forgetIdle(now);
    const fullAt = Math.max(now, this.fullAt.get(address) ?? now) + this.intervalMs;
    const tooEarlyMs = fullAt - now - this.burstMs;
    if (tooEarlyMs > ROUNDING_MS) return Math.ceil(tooEarlyMs);
    this.fullAt.delete(address);
    this.fullAt.set(address, fullAt);
    if (this.fullAt.size > this.mostAddresses) this.forgetOldest();
    return 0;
  }

  /** Forgets full buckets. The least recently used come first, and each is checked once. */
  private forgetIdle(now: number): void {
    for (const [address, fullAt] of this.fullAt) {
      if (fullAt > now) return;
      this.fullAt.delete(address);
    }
  }

  private forgetOldest(): void {
    for (const address of this.fullAt.keys()) {
      this.fullAt.delete(address);
      return;
    }
  }
}
