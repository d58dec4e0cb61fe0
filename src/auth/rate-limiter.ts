const SECOND_MS = 1_000;
/** Some 10 MB, whoever comes. */
const MAX_ADDRESSES = 100_000;
/** What adding up fractions may be wrong by. */
const ROUNDING_MS = 0.001;

/**
 * How many handshakes each address may make in a second, and at once; or events each client. A token bucket for each, kept as the one moment at
 * which it will be full again. An address whose bucket is full is forgotten: that is what an unknown one has.
 *
 * @internal
 */
export class RateLimiter {
  /** In the order of the last handshake. */
  private readonly fullAt = new Map<string, number>();
  private readonly intervalMs: number;
  private readonly burstMs: number;

  /** @param now in ms, from a clock that nobody sets */
  constructor(
    perSecond: number,
    private readonly mostAddresses = MAX_ADDRESSES,
    private readonly now: () => number = () => performance.now(),
    atOnce: number = perSecond,
  ) {
    this.intervalMs = SECOND_MS / perSecond;
    this.burstMs = atOnce * this.intervalMs;
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.fullAt.size;
  }

  /** Takes a handshake of an address: 0, or in how many ms the next one may come. */
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

  /** The oldest ones are at the front; each is looked at once. */
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
