/** What this library logs to. Nest's `Logger` and `ConsoleLogger` fit as they are. */
export interface PropagatorLogger {
  /** A change for the better or a fact: one line per change of state. */
  log(message: string): void;
  /** Something is degraded, dropped or refused. */
  warn(message: string): void;
  /** A fault that a person should look at. */
  error(message: string): void;
}
