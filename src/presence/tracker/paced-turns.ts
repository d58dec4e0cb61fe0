import { after, soon } from '../../reporting/timers.js';
/** Between two turns while there is one after the other: so more is done in each. */
const PAUSE_MS = 5;

/** Lets all who have something to do begin together. @internal */
export class PacedTurns {
  private coming: Promise<void> | undefined;
  private lastAt = -Infinity;

  /** The next turn of the event loop; where many come one after the other, only after a pause. */
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
