import { jest } from '@jest/globals';

const SECOND_MS = 1_000;

/**
 * The clock of this process, which stands still until it is put forward; timers run on. So a test has all the time it
 * needs, and waits for nothing. `jest.restoreAllMocks()` lets the clock go.
 */
export class StandingClock {
  /** Of the whole second before the clock was stopped, in ms since 1970. */
  readonly start = Math.floor(Date.now() / SECOND_MS) * SECOND_MS;
  // What is due at whole seconds waits half a second for the next one: that is how often it looks.
  private now = this.start + SECOND_MS / 2;

  constructor() {
    jest.spyOn(Date, 'now').mockImplementation(() => this.now);
  }

  /** So many seconds after the start, in ms since 1970. */
  second(count: number): number {
    return this.start + count * SECOND_MS;
  }

  to(time: number): void {
    this.now = time;
  }
}
