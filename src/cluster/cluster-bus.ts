import { Subject, type Observable } from 'rxjs';
import { PropagatorError } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import { publishToOthers, type ChannelHandle, type Channels } from '../channels/channels.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { clusterChannel, markChannel, replyChannel } from '../wire/channel-names.js';
import {
  decodeClusterMessage,
  encodeClusterMessage,
  type ClusterMessage,
  type ReceivedClusterMessage,
} from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import type { MessageAuthenticator } from '../channels/message-authenticator.js';
import { Fence } from './fence.js';

type BusOptions = Pick<ResolvedOptions, 'prefix' | 'maxMessageBytes'>;

/**
 * Messages between instances: to all of them, or to one. Those to one arrive on a connection without events, if the transport
 * has one. Incoming messages may be from this instance itself; the listener decides whether that matters.
 *
 * @internal
 */
export class ClusterBus {
  private readonly incoming = new Subject<ReceivedClusterMessage>();
  private readonly holds: ChannelHandle[] = [];
  private readonly origin: Buffer;
  private sequence = 0;

  readonly messages$: Observable<ReceivedClusterMessage> = this.incoming.asObservable();
  /** The end of the events that were published before a message. */
  readonly fence: Fence;

  constructor(
    readonly instanceId: InstanceId,
    private readonly pubSub: PubSub,
    private readonly sharedChannels: Channels,
    private readonly options: BusOptions,
    private readonly reporter: Reporter,
    readonly guard?: MessageAuthenticator,
  ) {
    this.origin = Buffer.from(instanceId, 'hex');
    const marks = markChannel(options.prefix, instanceId);
    this.fence = new Fence(marks, pubSub, sharedChannels, reporter);
  }

  /** The channel of all instances. */
  get channel(): string {
    return clusterChannel(this.options.prefix);
  }

  /** Resolves once messages arrive, or after a time limit. */
  async open(): Promise<void> {
    if (this.holds.length === 0) {
      for (const channel of this.channels) {
        const receive = (bytes: Buffer): void => this.receive(channel, bytes);
        this.holds.push(this.acquire(channel, receive));
      }
    }
    await Promise.all([this.fence.open(), ...this.holds.map(({ ready }) => ready)]);
  }

  /** Whether messages of others currently arrive. */
  get isListening(): boolean {
    return this.channels.every((channel) => this.pubSub.isSubscribed(channel));
  }

  /** Whether messages to this instance alone arrive while the connection of the events is lost. */
  get hasControl(): boolean {
    return this.pubSub.subscribeControl !== undefined;
  }

  private acquire(channel: string, receive: (bytes: Buffer) => void): ChannelHandle {
    return channel === this.channel
      ? this.sharedChannels.acquire(channel, receive)
      : this.sharedChannels.acquireControl(channel, receive);
  }

  private get channels(): string[] {
    return [this.channel, replyChannel(this.options.prefix, this.instanceId)];
  }

  close(): void {
    this.fence.close();
    for (const hold of this.holds.splice(0)) hold.release();
    this.incoming.complete();
  }

  /**
   * Sends to all instances. Resolves to the number of other instances that received it.
   *
   * @param about the name of the message in errors
   * @throws PropagatorError at once `event.unserialisable`, `event.too-large`
   */
  sendToAll(message: ClusterMessage, about?: string): Promise<number> {
    const { channel } = this;
    return publishToOthers(this.pubSub, channel, this.encode(channel, message, about));
  }

  /** Sends to one instance. Resolves to whether it received the message. Throws like {@link sendToAll}. */
  sendTo(instanceId: InstanceId, message: ClusterMessage): Promise<boolean> {
    const channel = replyChannel(this.options.prefix, instanceId);
    const sent = publishToOthers(this.pubSub, channel, this.encode(channel, message));
    return sent.then((instances) => instances > 0);
  }

  private encode(channel: string, message: ClusterMessage, about: string = message.type): Buffer {
    const { maxMessageBytes } = this.options;
    const { origin, guard } = this;
    const signed = guard !== undefined;
    const stamp = { origin, sequence: ++this.sequence, sentAt: Date.now(), signed };
    const bytes = encodeClusterMessage(stamp, message, about);
    if (bytes.length <= maxMessageBytes) {
      guard?.sign(bytes, channel);
      return bytes;
    }
    // The others would drop it.
    throw PropagatorError.of('event.too-large', [about, bytes.length, maxMessageBytes]);
  }

  private receive(channel: string, bytes: Buffer): void {
    if (bytes.length > this.options.maxMessageBytes) {
      this.reporter.report('message.too-large', () => `${bytes.length} bytes between instances`);
      return;
    }
    if (this.guard?.verify(bytes, channel) === false) return;
    const received = decodeClusterMessage(bytes);
    if (typeof received !== 'string') {
      this.incoming.next(received);
    } else if (received === 'message.malformed') {
      this.reporter.report(received, () => 'dropped a message between instances');
    } else {
      // Another version of this library, as during a rolling deploy: one log line is enough.
      this.reporter.once(received, () => 'ignored a message of another version of this library');
    }
  }
}
