import { pause } from '../reporting/timers.js';

/** If a round of so many channels began less than so many ms ago, the next one waits as long, and takes more of them. */
const BUSY_ROUND = 3;
const PAUSE_MS = 5;

/** Resolves in the next turn of the event loop. @internal */
export const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * The rounds in which a connection subscribes and unsubscribes. While many clients connect, a command for a few channels
 * costs more than its work, here and in Redis: rounds keep a distance then. Callers that subscribe to one channel after the
 * other do not wait; those that await three or more each time wait for 5 ms.
 *
 * @internal
 */
export class PacedRounds {
  private startedAt = -Infinity;
  private channels = 0;

  /** Resolves when the next round may start. */
  async next(): Promise<void> {
    const isBusy = this.channels >= BUSY_ROUND && performance.now() - this.startedAt < PAUSE_MS;
    await (isBusy ? pause(PAUSE_MS) : tick());
    this.startedAt = performance.now();
    this.channels = 0;
  }

  /** The round sends a command for so many channels. */
  sent(channels: number): void {
    this.channels += channels;
  }
}
