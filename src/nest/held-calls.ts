import { after, type Failed } from '../reporting/timers.js';

/** How long a result is awaited after its socket has left, in ms. */
const MAX_HOLD_MS = 30_000;
/** How many calls are awaited at once. */
const MAX_HELD = 10_000;

/** @internal */
export interface HeldCall {
  /** Reports errors of the call's timer. */
  readonly failedToRun: Failed;
  /** Ends the call without its result. `why` follows the name of the handler in the log line. */
  abandon(why: string): void;
}

/**
 * Calls of handlers whose sockets have left and whose results the audience still gets: the oldest first, for a limited
 * time, and a limited number of them. {@link delete} has to be called when a call ends.
 *
 * @internal
 */
export class HeldCalls {
  private readonly calls = new Map<HeldCall, NodeJS.Timeout>();

  /** Waits for the result of a call, at the cost of the oldest one if there are too many. */
  add(call: HeldCall): void {
    for (const oldest of this.calls.keys()) {
      if (this.calls.size < MAX_HELD) break;
      oldest.abandon(`had no result yet, and ${MAX_HELD} others are awaited`);
    }
    const why = `had no result ${MAX_HOLD_MS / 1_000} s after its socket had left`;
    this.calls.set(call, after(MAX_HOLD_MS, call.failedToRun, () => call.abandon(why)).unref());
  }

  /** Stops waiting for a call. Does nothing for a call that is not held. */
  delete(call: HeldCall): void {
    const timer = this.calls.get(call);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.calls.delete(call);
  }

  /** Abandons all calls. */
  close(): void {
    for (const call of this.calls.keys()) call.abandon('had no result yet when the app was closed');
  }
}
