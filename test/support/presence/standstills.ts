import { Observable } from 'rxjs';

const LOOKS_EVERY_MS = 4;
/** Longer than timers are usually late. */
const LATE_MS = 12;

/** Detects that this process was frozen or overloaded, so that none of its work can be on time. */
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

/** The pauses of this process, to be sent to another one. */
export const standstills$ = new Observable<Standstill>((subscriber) => {
  const standstills = new Standstills((from, to) => subscriber.next({ from, to }), 30);
  return () => standstills.end();
});
