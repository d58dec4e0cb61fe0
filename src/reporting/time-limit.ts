import { after, soon, type Failed } from './timers.js';

/**
 * The time that an answer may take. After this process itself stood still, Node runs timers before it reads sockets:
 * an answer that is there already is read before the time is up.
 *
 * @internal
 */
export class TimeLimit {
  private readonly timer: NodeJS.Timeout;
  private last: NodeJS.Immediate | undefined;

  constructor(ms: number, failed: Failed, onOver: () => void) {
    this.timer = after(ms, failed, () => {
      this.last = soon(failed, onOver);
    });
  }

  /** Starts the time from the beginning. */
  renew(): void {
    clearImmediate(this.last);
    this.timer.refresh();
  }

  /** Calling it twice is fine, and so is calling it too late. */
  clear(): void {
    clearTimeout(this.timer);
    clearImmediate(this.last);
  }
}
