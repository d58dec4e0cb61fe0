const LOOKS_EVERY_MS = 4;
/** More than timers are usually late. */
const LATE_MS = 12;

/** Notices when this process itself stood still, or had too much to do: then nothing in it can be prompt. */
export class Standstills {
  private readonly timer: NodeJS.Timeout;
  private lookedAt = Date.now();

  constructor(onStandstill: (from: number, to: number) => void) {
    this.timer = setInterval(() => {
      const now = Date.now();
      if (now - this.lookedAt > LOOKS_EVERY_MS + LATE_MS) onStandstill(this.lookedAt, now);
      this.lookedAt = now;
    }, LOOKS_EVERY_MS);
  }

  end(): void {
    clearInterval(this.timer);
  }
}
