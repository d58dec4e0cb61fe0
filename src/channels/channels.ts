import type { Reporter } from '../reporting/reporter.js';
import { isPassing, reasonOf } from '../errors.js';
import type { PubSub } from '../ports/pub-sub.js';

export type ChannelListener = (message: Buffer) => void;

export interface ChannelSubscription {
  /**
   * Resolves once messages published from then on arrive. Rejects when that takes too long; the channel is then
   * subscribed later, by itself. Nobody has to handle the rejection.
   */
  readonly ready: Promise<void>;
  /** Gives this subscription back. The channel is unsubscribed with its last one. Calling it twice is fine. */
  release(): void;
}

interface Channel {
  readonly name: string;
  readonly holders: Set<Held>;
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

  constructor(
    private readonly pubSub: PubSub,
    private readonly reporter: Reporter,
  ) {
    this.stopListening = pubSub.onMessage((channel, message) => this.dispatch(channel, message));
  }

  /** How many channels are held. */
  get size(): number {
    return this.channels.size;
  }

  acquire(name: string, listener: ChannelListener): ChannelSubscription {
    let channel = this.channels.get(name);
    if (channel === undefined) {
      channel = { name, holders: new Set() };
      this.channels.set(name, channel);
    }
    // Also for a second holder: the first one's attempt may have failed in the meantime.
    const held = new Held(this, channel, listener, this.subscribe(name));
    channel.holders.add(held);
    return held;
  }

  /** Gives every subscription back. */
  close(): void {
    this.stopListening();
    for (const name of this.channels.keys()) this.pubSub.unsubscribe(name);
    this.channels.clear();
  }

  private subscribe(name: string): Promise<void> {
    const ready = this.pubSub.subscribe(name);
    ready.catch((error: unknown) => {
      // While Redis is away each new client's channels are late: the state has been logged, and says it.
      if (this.pubSub.state !== 'ready' && isPassing(error)) {
        this.reporter.count('subscribe.delayed');
        return;
      }
      this.reporter.report('subscribe.delayed', () => `channel ${name}: ${reasonOf(error)}`);
    });
    return ready;
  }

  /** @internal Called by a subscription that is released. */
  giveBack(channel: Channel, held: Held): void {
    const { name, holders } = channel;
    holders.delete(held);
    if (holders.size > 0 || this.channels.get(name) !== channel) return;
    this.channels.delete(name);
    this.pubSub.unsubscribe(name);
  }

  private dispatch(name: string, message: Buffer): void {
    const holders = this.channels.get(name)?.holders;
    if (holders === undefined) return;
    // A copy: a subscription that a listener makes does not get this message. Most channels have one holder.
    for (const { listener } of holders.size === 1 ? holders : [...holders]) listener(message);
  }
}

/** Small, without closures: there is one for each user and room. */
class Held implements ChannelSubscription {
  private released = false;

  constructor(
    private readonly subscriptions: ChannelSubscriptions,
    private readonly channel: Channel,
    readonly listener: ChannelListener,
    readonly ready: Promise<void>,
  ) {}

  release(): void {
    if (this.released) return;
    this.released = true;
    this.subscriptions.giveBack(this.channel, this);
  }
}
