/** Limits what is buffered for a slow client. */
export interface SlowClientOptions {
  /**
   * How much may wait for one client behind the write in progress, in bytes, counting 128 in addition to the data
   * of each event. A single burst may be larger, as long as the client reads some of it every second.
   * @default 8388608
   */
  maxBufferedBytes?: number | undefined;
  /**
   * What happens above that limit. `'disconnect'`: the connection is closed at once, and everything that waits is
   * dropped. `'report'`: it is only counted and logged, once for each connection, and memory is not limited.
   * @default 'disconnect'
   */
  policy?: 'disconnect' | 'report' | undefined;
}

/** When an instance counts as overloaded. The overload ends when both values are below half of their limits. */
export interface OverloadOptions {
  /**
   * How late the event loop may be, in ms, in several measurements in a row.
   * @default 200
   */
  eventLoopDelayMs?: number | undefined;
  /**
   * How many publishes may wait for a reply of Redis, including those in the outbox.
   * @default 5000
   */
  pendingPublishes?: number | undefined;
}

/** How clients are disconnected when the app ends. */
export interface ShutdownOptions {
  /**
   * The longest time over which clients are disconnected, in ms. `0`: all at once.
   * @default 5000
   */
  drainMs?: number | undefined;
  /**
   * How many clients a second are disconnected, if `drainMs` leaves time for it. With few clients the drain ends
   * sooner.
   * @default 200
   */
  clientsPerSecond?: number | undefined;
}
