import { after, soon, type Failed } from './timers.js';

/** A limit that counts only running time does so in this many steps. */
const STEPS = 10;

/**
 * The time limit of a reply. After this process was frozen, Node runs timers before it reads sockets. A reply that
 * has already arrived is read before the limit counts as over.
 *
 * @internal
 */
export class TimeLimit {
  private readonly timer: NodeJS.Timeout;
  private last: NodeJS.Immediate | undefined;
  private readonly steps: number;
  private left: number;
  private latest: number;

  /**
   * @param mostMs set to count only the time in which this process runs its event loop: the limit is over after so long at most.
   * A busy process is late with all that a reply needs, and the other one may have replied in time.
   */
  constructor(
    ms: number,
    failed: Failed,
    onOver: () => void,
    private readonly mostMs = ms,
  ) {
    this.steps = mostMs > ms ? STEPS : 1;
    this.left = this.steps;
    this.latest = performance.now() + mostMs;
    this.timer = after(ms / this.steps, failed, () => {
      if (--this.left > 0 && performance.now() < this.latest) this.timer.refresh();
      else this.last = soon(failed, onOver);
    });
  }

  /** Restarts the time limit. */
  renew(): void {
    clearImmediate(this.last);
    this.left = this.steps;
    this.latest = performance.now() + this.mostMs;
    this.timer.refresh();
  }

  /** May be called twice, or too late. */
  clear(): void {
    clearTimeout(this.timer);
    clearImmediate(this.last);
  }
}
