import { Observable } from 'rxjs';

const LOOKS_EVERY_MS = 4;
/** By more than timers usually are. */
const LATE_MS = 12;

/** Notices when this process itself stood still, or had too much to do: then nothing in it can be prompt. */
export class Standstills {
  private readonly timer: NodeJS.Timeout;
  private lookedAt = Date.now();

  constructor(onStandstill: (from: number, to: number) => void, lateMs: number = LATE_MS) {
    this.timer = setInterval(() => {
      const now = Date.now();
      if (now - this.lookedAt > LOOKS_EVERY_MS + lateMs) onStandstill(this.lookedAt, now);
      this.lookedAt = now;
    }, LOOKS_EVERY_MS);
    this.timer.unref();
  }

  end(): void {
    clearInterval(this.timer);
  }
}

export interface Standstill {
  readonly from: number;
  readonly to: number;
}

/** Those of this process, for another one to hear. */
export const standstills$ = new Observable<Standstill>((subscriber) => {
  const standstills = new Standstills((from, to) => subscriber.next({ from, to }), 30);
  return () => standstills.end();
});
