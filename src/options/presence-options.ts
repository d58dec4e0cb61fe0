/** How it is known who is online. */
export interface PresenceOptions {
  /**
   * How long a user whose last socket has gone stays online, in ms: who is back by then was never away.
   * @default 5000
   */
  graceMs?: number | undefined;
  /**
   * How long an instance may leave Redis without a sign of life, in ms, until the others take its users off it: a
   * crash, a freeze. At least twice `heartbeatIntervalMs`.
   * @default the option `memberTimeoutMs`
   */
  leaseMs?: number | undefined;
  /**
   * How long it is kept when a user was last seen, in ms. 0: not at all.
   * @default 2592000000 (30 days)
   */
  lastSeenMs?: number | undefined;
}
