import { after, soon } from '../../reporting/timers.js';

/** The pause between two consecutive turns, so that more calls share one turn. */
const PAUSE_MS = 5;

/** Starts all waiting buckets together, so that their calls of the store are sent as one. @internal */
export class PacedTurns {
  private coming: Promise<void> | undefined;
  private lastAt = -Infinity;

  /** Resolves in the next turn of the event loop; shortly after another turn, only after a pause. */
  next(): Promise<void> {
    this.coming ??= new Promise((resolve, reject) => {
      const begin = (): void => {
        this.coming = undefined;
        this.lastAt = performance.now();
        resolve();
      };
      if (performance.now() - this.lastAt < PAUSE_MS) after(PAUSE_MS, reject, begin);
      else soon(reject, begin);
    });
    return this.coming;
  }
}
