import type { ChannelHandle, Channels } from '../channels/channels.js';
import { newMark, nonceOf } from '../channels/mark.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { TimeLimit } from '../reporting/time-limit.js';
import { nextTick, type Failed } from '../reporting/timers.js';

/** A connection that returns nothing for this long is deaf, and loses its events in any case. */
const MAX_WAIT_MS = 5_000;

/**
 * Marks that this instance publishes to itself, on the connection of the events. A mark that has returned proves that all
 * messages which Redis took before the mark have arrived on this connection, or never will. So a request that has come over
 * the other connection does not overtake the events before it.
 *
 * @internal
 */
export class Fence {
  /** The marks that are due, by nonce. */
  private readonly waiting = new Map<string, () => void>();
  private readonly failed: Failed;
  private readonly isNeeded: boolean;
  private hold: ChannelHandle | undefined;
  private stopListening: (() => void) | undefined;
  /** The mark that is published at the end of this tick. */
  private next: Promise<void> | undefined;

  constructor(
    private readonly channel: string,
    private readonly pubSub: PubSub,
    private readonly sharedChannels: Channels,
    reporter: Reporter,
  ) {
    this.failed = reporter.failure('request.failed', () => 'a message to this instance itself');
    // With one connection requests cannot overtake events. On a Cluster there is no common order.
    this.isNeeded = pubSub.subscribeControl !== undefined && pubSub.ordersChannels === true;
  }

  /** Resolves once marks return, or after a time limit. */
  async open(): Promise<void> {
    if (!this.isNeeded) return;
    this.hold ??= this.sharedChannels.acquire(this.channel, (bytes) =>
      this.waiting.get(nonceOf(bytes))?.(),
    );
    this.stopListening ??= this.pubSub.onInterruption?.((interrupted) => {
      if (interrupted(this.channel)) this.passAll();
    });
    await this.hold.ready;
  }

  /**
   * Resolves once all events that Redis took before now have arrived, or the connection is lost. Undefined if there is
   * nothing to wait for.
   */
  passed(): Promise<void> | undefined {
    if (!this.isNeeded || !this.pubSub.isSubscribed(this.channel)) return undefined;
    return (this.next ??= this.send());
  }

  close(): void {
    this.stopListening?.();
    this.hold?.release();
    this.passAll();
  }

  private send(): Promise<void> {
    const { bytes, nonce } = newMark();
    return new Promise((resolve) => {
      const pass = (): void => {
        limit.clear();
        this.waiting.delete(nonce);
        resolve();
      };
      const limit = new TimeLimit(MAX_WAIT_MS, this.failed, pass);
      this.waiting.set(nonce, pass);
      // One for all requests of a tick.
      nextTick(this.failed, async () => {
        this.next = undefined;
        // The state says that Redis is down, and the log has said so, too.
        await this.pubSub.publish(this.channel, bytes).catch(pass);
      });
    });
  }

  private passAll(): void {
    for (const pass of this.waiting.values()) pass();
  }
}
