/** What is done about clients that read more slowly than they are written to, or not at all. */
export interface SlowClientOptions {
  /**
   * How much may wait for one client behind what is being sent to it, in bytes, counting 128 beside the data of each
   * event. What is sent in one go may be more, as long as the client takes some of it every second.
   * @default 8388608
   */
  maxBufferedBytes?: number | undefined;
  /**
   * What happens above that: its connection is closed, hard and with all that waits (`'disconnect'`), or it is only counted
   * and logged, once for each connection (`'report'`), and memory is not bounded.
   * @default 'disconnect'
   */
  policy?: 'disconnect' | 'report' | undefined;
}

/** When an instance counts as overloaded. Both come back under half of it before it no longer does. */
export interface OverloadOptions {
  /**
   * How late the event loop may be, in ms, for several looks in a row.
   * @default 200
   */
  eventLoopDelayMs?: number | undefined;
  /**
   * How many publishes may wait for the answer of Redis, those in the outbox included.
   * @default 5000
   */
  pendingPublishes?: number | undefined;
}

/** How clients are sent away when the app ends. */
export interface ShutdownOptions {
  /**
   * The longest time over which clients are disconnected, in ms. `0`: all at once.
   * @default 5000
   */
  drainMs?: number | undefined;
  /**
   * How many clients a second, where `drainMs` leaves time for it: few clients are gone sooner.
   * @default 200
   */
  clientsPerSecond?: number | undefined;
}
