import { after, soon, type Failed } from './timers.js';

/**
 * The time limit of a reply. After this process was frozen, Node runs timers before it reads sockets. A reply that
 * has already arrived is read before the limit counts as over.
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

  /** Restarts the time limit. */
  renew(): void {
    clearImmediate(this.last);
    this.timer.refresh();
  }

  /** May be called twice, or too late. */
  clear(): void {
    clearTimeout(this.timer);
    clearImmediate(this.last);
  }
}
