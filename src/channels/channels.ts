import { isPassing, reasonOf } from '../errors.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';

export type ChannelListener = (message: Buffer) => void;

interface Channel {
  readonly name: string;
  readonly listeners: Set<Listening>;
  /** Whether the channel is subscribed by {@link PubSub.subscribeControl}. */
  readonly control: boolean;
  /** The listener of {@link Channels.share}. */
  shared: Listening | undefined;
}

/** A listener of a channel. Small, because there is one for each user and room: no closures, no settled promise. */
interface Listening {
  readonly channel: Channel;
  readonly listener: ChannelListener;
  /** Called when the last holder has released it. */
  readonly onReleased: ((name: string) => void) | undefined;
  holders: number;
  /** Undefined once the channel is subscribed, or waiting for it has taken too long. */
  waiting: Promise<void> | undefined;
}

/** Where there is nothing to wait for; one for all, because there are very many channels. */
const READY = Promise.resolve();

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
    return new ChannelHandle(this, this.listen(this.channel(name), listener));
  }

  /** Like {@link acquire}, for replies and requests to this instance. */
  acquireControl(name: string, listener: ChannelListener): ChannelHandle {
    return new ChannelHandle(this, this.listen(this.channel(name, true), listener));
  }

  /**
   * Like {@link acquire}, with one listener for all callers: it gets each message once.
   *
   * @param open makes the listener, for the first holder
   * @param onReleased is called after the last holder
   */
  share(
    name: string,
    open: () => ChannelListener,
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
    const { name, listeners } = channel;
    listeners.delete(listening);
    if (channel.shared === listening) channel.shared = undefined;
    onReleased?.(name);
    if (listeners.size > 0 || this.channels.get(name) !== channel) return;
    this.channels.delete(name);
    this.pubSub.unsubscribe(name);
  }

  private channel(name: string, control = false): Channel {
    let channel = this.channels.get(name);
    if (channel === undefined) {
      channel = { name, listeners: new Set(), control, shared: undefined };
      this.channels.set(name, channel);
    }
    return channel;
  }

  private listen(
    channel: Channel,
    listener: ChannelListener,
    onReleased?: (name: string) => void,
  ): Listening {
    const listening: Listening = { channel, listener, onReleased, holders: 0, waiting: undefined };
    channel.listeners.add(listening);
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
    const listeners = this.channels.get(name)?.listeners;
    if (listeners === undefined) return;
    // A listener that another one adds does not get this message. Most channels have one, and need no copy.
    const isAlone = listeners.size === 1;
    for (const { listener } of isAlone ? listeners : [...listeners]) {
      listener(message);
      if (isAlone) return;
    }
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
