import { jest } from '@jest/globals';

const SECOND_MS = 1_000;

/**
 * The clock of this process, stopped until a test moves it forward; timers keep running. So a test has all the time
 * it needs and waits for nothing. `jest.restoreAllMocks()` restores the clock.
 */
export class StandingClock {
  /** The whole second before the clock was stopped, in ms since 1970. */
  readonly start = Math.floor(Date.now() / SECOND_MS) * SECOND_MS;
  // The schedule looks every half second, so work due at a whole second can wait that long.
  private now = this.start + SECOND_MS / 2;

  constructor() {
    jest.spyOn(Date, 'now').mockImplementation(() => this.now);
  }

  /** This many seconds after the start, in ms since 1970. */
  second(count: number): number {
    return this.start + count * SECOND_MS;
  }

  to(time: number): void {
    this.now = time;
  }
}
