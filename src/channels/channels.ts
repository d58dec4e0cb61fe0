import { isPassing, reasonOf } from '../errors.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';

export type ChannelListener = (message: Buffer) => void;

/** Gets the messages of a channel. Without a closure, because there is one for each user and room. */
export interface ChannelReceiver {
  receive(message: Buffer): void;
}

interface Channel {
  readonly name: string;
  /** Replaced, not changed: a listener that another one adds does not get the current message. */
  listeners: readonly Listening[];
  /** Whether the channel is subscribed by {@link PubSub.subscribeControl}. */
  readonly control: boolean;
  /** The listener of {@link Channels.share}. */
  shared: Listening | undefined;
}

/** A listener of a channel. Small, because there is one for each user and room: no closures, no settled promise. */
interface Listening {
  readonly channel: Channel;
  readonly receiver: ChannelReceiver;
  /** Called when the last holder has released it. */
  readonly onReleased: ((name: string) => void) | undefined;
  holders: number;
  /** Undefined once the channel is subscribed, or waiting for it has taken too long. */
  waiting: Promise<void> | undefined;
}

/** Where there is nothing to wait for; one for all, because there are very many channels. */
const READY = Promise.resolve();

const NOBODY: readonly Listening[] = [];

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

  /** Subscribes to a channel until the handle is released. */
  acquire(name: string, listener: ChannelListener): ChannelHandle {
    return new ChannelHandle(this, this.listen(this.channel(name), { receive: listener }));
  }

  /** Like {@link acquire}, for replies and requests to this instance. */
  acquireControl(name: string, listener: ChannelListener): ChannelHandle {
    return new ChannelHandle(this, this.listen(this.channel(name, true), { receive: listener }));
  }

  /**
   * Like {@link acquire}, with one receiver for all callers: it gets each message once.
   *
   * @param open makes the receiver, for the first holder
   * @param onReleased is called after the last holder
   */
  share(
    name: string,
    open: () => ChannelReceiver,
    onReleased: (name: string) => void,
  ): ChannelHandle {
    const channel = this.channel(name);
    channel.shared ??= this.listen(channel, open(), onReleased);
    return new ChannelHandle(this, channel.shared);
  }

  /** Releases every subscription. */
  close(): void {
    this.stopListening();
    for (const name of this.channels.keys()) this.pubSub.unsubscribe(name);
    this.channels.clear();
  }

  /** @internal Called by the last handle of a listener. */
  released(listening: Listening): void {
    const { channel, onReleased } = listening;
    const { name } = channel;
    channel.listeners = channel.listeners.filter((one) => one !== listening);
    if (channel.shared === listening) channel.shared = undefined;
    onReleased?.(name);
    if (channel.listeners.length > 0 || this.channels.get(name) !== channel) return;
    this.channels.delete(name);
    this.pubSub.unsubscribe(name);
  }

  private channel(name: string, control = false): Channel {
    let channel = this.channels.get(name);
    if (channel === undefined) {
      channel = { name, listeners: NOBODY, control, shared: undefined };
      this.channels.set(name, channel);
    }
    return channel;
  }

  private listen(
    channel: Channel,
    receiver: ChannelReceiver,
    onReleased?: (name: string) => void,
  ): Listening {
    const listening: Listening = { channel, receiver, onReleased, holders: 0, waiting: undefined };
    channel.listeners = [...channel.listeners, listening];
    // Also for a second listener, because the attempt for the first one may have failed meanwhile.
    listening.waiting = this.subscribe(channel).finally(() => {
      listening.waiting = undefined;
    });
    return listening;
  }

  private async subscribe({ name, control }: Channel): Promise<void> {
    const { pubSub } = this;
    try {
      if (control && pubSub.subscribeControl !== undefined) await pubSub.subscribeControl(name);
      else await pubSub.subscribe(name);
    } catch (error) {
      // While Redis is down the channels of each new client are late, and the change of state has been logged
      // already.
      if (this.pubSub.state !== 'ready' && isPassing(error)) {
        this.reporter.count('subscribe.delayed');
        return;
      }
      this.reporter.report('subscribe.delayed', () => `channel ${name}: ${reasonOf(error)}`);
    }
  }

  private readonly dispatch = (name: string, message: Buffer): void => {
    const listeners = this.channels.get(name)?.listeners ?? NOBODY;
    for (const { receiver } of listeners) receiver.receive(message);
  };
}

/** Keeps a channel subscribed. @internal */
export class ChannelHandle {
  private held: Listening | undefined;

  constructor(
    private readonly channels: Channels,
    held: Listening,
  ) {
    this.held = held;
    held.holders++;
  }

  /** True once {@link ready} has resolved. */
  get settled(): boolean {
    return this.held?.waiting === undefined;
  }

  /**
   * Resolves once messages published from then on arrive, or once waiting for that has taken too long; the channel is
   * then subscribed later, by itself. Never rejects.
   */
  get ready(): Promise<void> {
    return this.held?.waiting ?? READY;
  }

  /** A second call does nothing. */
  release(): void {
    const { held } = this;
    this.held = undefined;
    if (held !== undefined && --held.holders === 0) this.channels.released(held);
  }
}

/** Publishes. Resolves to the number of other instances that got the message. @internal */
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
