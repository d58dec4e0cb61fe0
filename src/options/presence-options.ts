/** Options of presence: which users are online. */
export interface PresenceOptions {
  /**
   * The grace period: how long a user stays online after the last socket has left, in ms. A user who comes back
   * within it was never offline.
   * @default 5000
   */
  graceMs?: number | undefined;
  /**
   * The lease: how long Redis waits for a sign of life of an instance, in ms, until the other instances remove its
   * users, as after a crash or a freeze. At least twice `heartbeatIntervalMs`.
   * @default the option `memberTimeoutMs`
   */
  leaseMs?: number | undefined;
  /**
   * How long the time when a user was last seen is stored, in ms. 0: not at all.
   * @default 2592000000 (30 days)
   */
  lastSeenMs?: number | undefined;
}
