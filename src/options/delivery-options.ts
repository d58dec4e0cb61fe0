/** What is kept while Redis is away, until it can be published. */
export interface OutboxOptions {
  /**
   * The most events.
   * @default 10000
   */
  maxEvents?: number | undefined;
  /**
   * The most bytes, of all events together.
   * @default 16777216
   */
  maxBytes?: number | undefined;
  /**
   * How long an event may wait, in ms.
   * @default 30000
   */
  maxAgeMs?: number | undefined;
}

/** What an instance keeps of the events that it published, for others that could not hear them. */
export interface RepairOptions {
  /**
   * The most bytes, of all events together.
   * @default 16777216
   */
  maxBytes?: number | undefined;
  /**
   * How long an event is kept, in ms.
   * @default 60000
   */
  maxAgeMs?: number | undefined;
}
