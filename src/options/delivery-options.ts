/** Limits the events that wait while Redis is down, until they can be published. */
export interface OutboxOptions {
  /**
   * The maximum number of events.
   * @default 10000
   */
  maxEvents?: number | undefined;
  /**
   * The maximum number of bytes, of all events together.
   * @default 16777216
   */
  maxBytes?: number | undefined;
  /**
   * How long an event may wait, in ms.
   * @default 30000
   */
  maxAgeMs?: number | undefined;
}

/** Limits the history of published events that an instance keeps for other instances that missed them. */
export interface RepairOptions {
  /**
   * The maximum number of bytes, of all events together.
   * @default 16777216
   */
  maxBytes?: number | undefined;
  /**
   * How long an event is kept, in ms.
   * @default 60000
   */
  maxAgeMs?: number | undefined;
  /**
   * The maximum number of bytes that an instance leaves in Redis when it ends, of its newest events. They stay there for
   * `maxAgeMs`. `0`: none.
   * @default 1048576
   */
  maxLeftBytes?: number | undefined;
}

/** Limits the events and sessions that an instance keeps for clients that come back. */
export interface RecoveryOptions {
  /**
   * How long a client may be away, in ms, before it gets a new connection.
   * @default 120000
   */
  maxDisconnectionMs?: number | undefined;
  /**
   * The memory for events that clients may have missed, in bytes, on each instance. A client that missed more than is kept gets
   * a new connection. Events that clients brought from other instances may take as much memory again.
   * @default 16777216
   */
  maxBytes?: number | undefined;
  /**
   * An instance that ends leaves the sessions that no other instance takes in Redis, under `<prefix>:recovery:*`, for the next
   * instance: for an app with one instance, or whose instances all end at once.
   * @default false
   */
  persist?: boolean | undefined;
}
