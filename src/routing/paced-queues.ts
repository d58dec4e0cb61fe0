import { guarded, soon, type Failed } from '../reporting/timers.js';
import type { OutboxQueue } from './outbox-queue.js';

/** The most events that one turn of the event loop handles: thousands of them would block it. @internal */
export const MAX_PER_TURN = 500;

/**
 * Queues of the outbox that may be sent from, first come first served. One turn of the event loop starts a limited number
 * of events; the rest waits for the next turns.
 *
 * @internal
 */
export class PacedQueues {
  private readonly ready = new Set<OutboxQueue>();
  /** The number of events that this turn may still start. */
  private left = MAX_PER_TURN;

  constructor(
    private readonly failed: Failed,
    /** Starts to send up to `most` events of a queue. Returns how many; 0 if the queue cannot be sent from now. */
    private readonly start: (queue: OutboxQueue, most: number) => number,
  ) {}

  add(queues: Iterable<OutboxQueue>): void {
    for (const queue of queues) this.ready.add(queue);
    guarded(this.failed, () => this.startReady())();
  }

  clear(): void {
    this.ready.clear();
  }

  private startReady(): void {
    for (const queue of this.ready) {
      if (this.left <= 0) return;
      this.ready.delete(queue);
      const started = this.start(queue, this.left);
      if (started > 0 && this.left === MAX_PER_TURN) soon(this.failed, () => this.nextTurn());
      this.left -= started;
    }
  }

  private nextTurn(): void {
    this.left = MAX_PER_TURN;
    this.startReady();
  }
}
