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
}
