/** The logger of this library. Nest's `Logger` and `ConsoleLogger` can be used directly. */
export interface PropagatorLogger {
  /** An improvement or a fact: one line per change of state. */
  log(message: string): void;
  /** Something is degraded, or was dropped or refused. */
  warn(message: string): void;
  /** A failure that needs attention. */
  error(message: string): void;
}
