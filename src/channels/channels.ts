import { isPassing, reasonOf } from '../errors.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';

export type ChannelListener = (message: Buffer) => void;

export interface ChannelSubscription {
  /**
   * Resolves once messages published from then on arrive. Rejects if that takes too long; the channel is then
   * subscribed later, by itself. The rejection need not be handled.
   */
  readonly ready: Promise<void>;
  /** Releases this subscription. The channel is unsubscribed with its last one. A second call does nothing. */
  release(): void;
}

interface Channel {
  readonly name: string;
  readonly holders: Set<Subscription>;
}

/**
 * Shares the subscriptions of one transport, with a reference count for each channel: a channel is subscribed for
 * its first holder and unsubscribed after its last one. The transport has one message listener for any number of
 * channels.
 *
 * @internal
 */
export class Channels {
  private readonly channels = new Map<string, Channel>();
  private readonly stopListening: () => void;

  constructor(
    private readonly pubSub: PubSub,
    private readonly reporter: Reporter,
  ) {
    this.stopListening = pubSub.onMessage(this.dispatch);
  }

  /** The number of held channels. */
  get size(): number {
    return this.channels.size;
  }

  acquire(name: string, listener: ChannelListener): ChannelSubscription {
    let channel = this.channels.get(name);
    if (channel === undefined) {
      channel = { name, holders: new Set() };
      this.channels.set(name, channel);
    }
    // Also for a second holder, because the attempt for the first one may have failed meanwhile.
    const held = new Subscription(this, channel, listener, this.subscribe(name));
    channel.holders.add(held);
    return held;
  }

  /** Releases every subscription. */
  close(): void {
    this.stopListening();
    for (const name of this.channels.keys()) this.pubSub.unsubscribe(name);
    this.channels.clear();
  }

  private subscribe(name: string): Promise<void> {
    const ready = this.pubSub.subscribe(name);
    ready.catch((error: unknown) => {
      // While Redis is down the channels of each new client are late, and the change of state has been logged
      // already.
      if (this.pubSub.state !== 'ready' && isPassing(error)) {
        this.reporter.count('subscribe.delayed');
        return;
      }
      this.reporter.report('subscribe.delayed', () => `channel ${name}: ${reasonOf(error)}`);
    });
    return ready;
  }

  /** @internal Called by a subscription that is released. */
  giveBack(channel: Channel, held: Subscription): void {
    const { name, holders } = channel;
    holders.delete(held);
    if (holders.size > 0 || this.channels.get(name) !== channel) return;
    this.channels.delete(name);
    this.pubSub.unsubscribe(name);
  }

  private readonly dispatch = (name: string, message: Buffer): void => {
    const holders = this.channels.get(name)?.holders;
    if (holders === undefined) return;
    // A copy, so that a subscription made by a listener does not get this message. Most channels have one holder.
    for (const { listener } of holders.size === 1 ? holders : [...holders]) listener(message);
  };
}

/** Small, without closures, because there is one for each user and room. */
class Subscription implements ChannelSubscription {
  private released = false;

  constructor(
    private readonly subscriptions: Channels,
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

/** Where there is nothing to wait for; one for all, since there are very many channels. */
const READY = Promise.resolve();

/**
 * A channel that is subscribed while somebody holds it. There is one for each user and room, so it is small: no
 * closures, and no promise that has been resolved.
 *
 * @internal
 */
export class SharedChannel {
  private holders = 0;
  private waiting: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly subscription: ChannelSubscription,
    /** Undefined: it is shared with nobody. */
    private readonly among?: SharedChannels,
  ) {
    // A failure was reported where it occurred, and the channel is subscribed as soon as that is possible.
    this.waiting = subscription.ready
      .catch(() => undefined)
      .then(() => {
        this.waiting = undefined;
      });
  }

  /** As {@link ChannelHandle.settled}. */
  get settled(): boolean {
    return this.waiting === undefined;
  }

  /** As {@link ChannelHandle.ready}. */
  get ready(): Promise<void> {
    return this.waiting ?? READY;
  }

  hold(): ChannelHandle {
    this.holders++;
    return new ChannelHandle(this);
  }

  /** One that held it does not any more. */
  drop(): void {
    if (--this.holders > 0) return;
    this.among?.released(this.name);
    this.subscription.release();
  }
}

/** Keeps a channel subscribed. @internal */
export class ChannelHandle {
  private held: SharedChannel | undefined;

  constructor(held: SharedChannel) {
    this.held = held;
  }

  /** True once {@link ready} has resolved. */
  get settled(): boolean {
    return this.held?.settled ?? true;
  }

  /** Resolves once the channel is subscribed, or once waiting for it has taken too long. Never rejects. */
  get ready(): Promise<void> {
    return this.held?.ready ?? READY;
  }

  /** Calling it twice is fine. */
  release(): void {
    const { held } = this;
    this.held = undefined;
    held?.drop();
  }
}

/** The channels that are held, each subscribed once whatever the number of those who hold it. @internal */
export class SharedChannels {
  private readonly heldByName = new Map<string, SharedChannel>();

  constructor(private readonly onReleased: (name: string) => void) {}

  hold(name: string, subscribe: () => ChannelSubscription): ChannelHandle {
    let held = this.heldByName.get(name);
    if (held === undefined) {
      held = new SharedChannel(name, subscribe(), this);
      this.heldByName.set(name, held);
    }
    return held.hold();
  }

  /** @internal by {@link SharedChannel} */
  released(name: string): void {
    this.heldByName.delete(name);
    this.onReleased(name);
  }
}

/** Publishes; resolves to the number of instances other than this one that the message was handed to. @internal */
export function publishToOthers(pubSub: PubSub, channel: string, bytes: Buffer): Promise<number> {
  try {
    const self = (pubSub.countsItself?.(channel) ?? pubSub.isSubscribed(channel)) ? 1 : 0;
    const published = pubSub.publish(channel, bytes);
    return self === 0 ? published : published.then((instances) => Math.max(0, instances - self));
  } catch (error) {
    // An app's own transport may throw where it should reject.
    return Promise.reject(error);
  }
}
