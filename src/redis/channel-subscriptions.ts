import type { Reporter } from '../reporting/reporter.js';
import { reasonOf } from '../errors.js';
import type { PubSub } from '../ports/pub-sub.js';

const SWEEP_INTERVAL_MS = 500;

export type ChannelListener = (message: Buffer) => void;

export interface ChannelSubscription {
  /**
   * Resolves once messages published from then on arrive. Rejects when that takes too long; the channel is then
   * subscribed later, by itself. Nobody has to handle the rejection.
   */
  readonly ready: Promise<void>;
  /** Gives this subscription back. The channel is unsubscribed with its last one. Calling it twice is fine. */
  release(): void;
  /**
   * As {@link release}, but a channel without holders stays subscribed for half a second or a second more. Whoever
   * comes back meanwhile (a page that is loaded anew) costs nothing, and there is no moment right after a user's
   * last socket has gone in which Redis still counts this instance and this instance does not.
   */
  releaseLater(): void;
}

interface Channel {
  listeners: readonly ChannelListener[];
}

/**
 * Shares the subscriptions of one transport, reference-counted: a channel is subscribed for its first holder and
 * unsubscribed after its last, and there is one message listener on the transport whatever their number.
 *
 * @internal
 */
export class ChannelSubscriptions {
  private readonly channels = new Map<string, Channel>();
  private readonly stopListening: () => void;
  /** Channels without holders that are still subscribed, and the sweep that came before their last release. */
  private readonly lingering = new Map<string, number>();
  private sweeps = 0;
  private sweeper: NodeJS.Timeout | undefined;

  constructor(
    private readonly pubSub: PubSub,
    private readonly reporter: Reporter,
  ) {
    this.stopListening = pubSub.onMessage((channel, message) => this.dispatch(channel, message));
  }

  /** How many channels are held. */
  get size(): number {
    return this.channels.size - this.lingering.size;
  }

  acquire(name: string, listener: ChannelListener): ChannelSubscription {
    const channel = this.channels.get(name) ?? { listeners: [] };
    channel.listeners = [...channel.listeners, listener];
    this.channels.set(name, channel);
    this.lingering.delete(name);
    let released = false;
    const release = (then: (name: string) => void): void => {
      if (released) return;
      released = true;
      if (this.isLast(name, channel, listener)) then(name);
    };
    return {
      // Also for a second holder: the first one's attempt may have failed in the meantime.
      ready: this.subscribe(name),
      release: () => release((last) => this.unsubscribe(last)),
      releaseLater: () => release((last) => this.linger(last)),
    };
  }

  /** Gives every subscription back. */
  close(): void {
    this.stopListening();
    clearInterval(this.sweeper);
    this.lingering.clear();
    for (const name of this.channels.keys()) this.pubSub.unsubscribe(name);
    this.channels.clear();
  }

  private subscribe(name: string): Promise<void> {
    const ready = this.pubSub.subscribe(name);
    ready.catch((error: unknown) => {
      this.reporter.report('subscribe.delayed', () => `channel ${name}: ${reasonOf(error)}`);
    });
    return ready;
  }

  /** Removes a listener; whether it was the channel's last. */
  private isLast(name: string, channel: Channel, listener: ChannelListener): boolean {
    // One occurrence only: the same function may be subscribed twice.
    const index = channel.listeners.indexOf(listener);
    channel.listeners = channel.listeners.filter((_, position) => position !== index);
    return channel.listeners.length === 0 && this.channels.get(name) === channel;
  }

  private unsubscribe(name: string): void {
    this.lingering.delete(name);
    this.channels.delete(name);
    this.pubSub.unsubscribe(name);
  }

  private linger(name: string): void {
    this.lingering.set(name, this.sweeps);
    this.sweeper ??= setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref();
  }

  private sweep(): void {
    for (const [name, since] of this.lingering) {
      // The next one will be later still.
      if (since === this.sweeps) break;
      this.unsubscribe(name);
    }
    this.sweeps++;
    if (this.lingering.size > 0) return;
    clearInterval(this.sweeper);
    this.sweeper = undefined;
  }

  private dispatch(name: string, message: Buffer): void {
    const listeners = this.channels.get(name)?.listeners;
    if (listeners === undefined) return;
    for (const listener of listeners) listener(message);
  }
}
