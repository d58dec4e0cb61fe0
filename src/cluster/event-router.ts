import { randomBytes } from 'node:crypto';
import { PropagatorError } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { ChannelSubscriptions } from '../redis/channel-subscriptions.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { ChannelNames, type Target } from '../wire/channels.js';
import { encodePacket } from '../wire/encode-packet.js';
import {
  encodeEnvelope,
  envelopeLength,
  isEncodableList,
  type InstanceId,
} from '../wire/envelope.js';
import { EVENT_PACKET, WirePacket, type SocketIoPacket } from '../wire/wire-packet.js';
import { holdChannel, type ChannelHold } from './channel-holds.js';
import { dialectOf, packetIn } from './dialects.js';
import { EventReceiver } from './event-receiver.js';
import type { Dialect, LocalNamespace } from './local-namespace.js';
import { NamespaceRegistry } from './namespace-registry.js';
import type { SendFlags } from './packet-writer.js';
import { publishToOthers } from './publish-to-others.js';
import { PublishTracker } from './publish-tracker.js';
import { receiptOf, type Receipt } from './receipt.js';
import { audienceOf, targetOfRoom } from './reserved-rooms.js';

/** An event to send. @internal */
export interface OutgoingEvent extends Partial<SendFlags> {
  readonly namespace: string;
  /** The event's name and its arguments. */
  readonly data: unknown[];
  /** Rooms (a socket's id is one) whose sockets do not get it. */
  readonly except?: readonly string[];
  /** Narrows the target down to the sockets of these rooms. */
  readonly rooms?: readonly string[];
}

const NONE: readonly string[] = Object.freeze([]);

type RouterOptions = Pick<ResolvedOptions, 'prefix' | 'maxMessageBytes' | 'parser'>;

/**
 * The one place that every event passes: encoded once, delivered to this instance's sockets at once, then
 * published for the other instances; and what they publish comes in here. An instance's own events come back from
 * Redis as well and are dropped, so nobody gets anything twice.
 *
 * @internal
 */
export class EventRouter {
  private readonly originBytes = randomBytes(8);
  /** Names this instance in the cluster; made anew at each start. */
  readonly instanceId: InstanceId = this.originBytes.toString('hex');
  private readonly namespaces = new NamespaceRegistry();
  private readonly receiver: EventReceiver;
  private readonly publishes: PublishTracker;
  private readonly channels: ChannelNames;
  private readonly defaultDialect: Dialect;
  /** Rooms that sockets elsewhere are about to join, and how many such commands are under way. */
  private readonly joins = new Map<string, number>();
  private sequence = 0;

  constructor(
    private readonly pubSub: PubSub,
    private readonly subscriptions: ChannelSubscriptions,
    private readonly options: RouterOptions,
    reporter: Reporter,
  ) {
    this.channels = new ChannelNames(options.prefix);
    this.defaultDialect = dialectOf(options.parser);
    this.publishes = new PublishTracker(reporter);
    this.receiver = new EventReceiver(
      this.originBytes,
      options.maxMessageBytes,
      this.namespaces,
      reporter,
    );
  }

  /** A namespace of a server of this instance takes part from now on. */
  attach(namespace: LocalNamespace): void {
    this.namespaces.add(namespace);
  }

  detach(namespace: LocalNamespace): void {
    this.namespaces.delete(namespace);
  }

  /** Keeps this instance subscribed to a target's channel. */
  hold(target: Target): ChannelHold {
    return this.namespaces.held(this.channels.of(target), (channel) =>
      holdChannel(this.subscriptions, channel, (bytes) => this.receiver.receive(target, bytes)),
    );
  }

  /**
   * Sends an event to a target. The promise may be dropped: a failure is counted, logged once per outage, and
   * never an unhandled rejection.
   *
   * @throws PropagatorError at once `event.unserialisable`, `event.too-large`, `target.invalid`; later what
   * `PubSub.publish` rejects with
   */
  send(target: Target, event: OutgoingEvent): Promise<Receipt> {
    const { bytes, packet } = this.encode(event);
    return this.publish(target, bytes, this.deliver(target, event, packet));
  }

  /** Sends an event, encoded once, to several targets; as {@link send} for each. */
  sendToEach(targets: readonly Target[], event: OutgoingEvent): Promise<Receipt[]> {
    const { bytes, packet } = this.encode(event);
    const local = targets.map((target) => this.deliver(target, event, packet));
    const receipts = targets.map((target, i) => this.publish(target, bytes, local[i] ?? 0));
    return Promise.all(receipts);
  }

  /**
   * An event that Socket.IO's own API makes (`server.to(room).emit()` and the like): one room has its own channel;
   * for several, or for all, it goes over the namespace's channel, once, with the rooms in the envelope.
   */
  broadcast(event: OutgoingEvent): Promise<Receipt> {
    const { namespace, rooms = NONE } = event;
    const single = this.singleRoom(namespace, rooms);
    if (single === undefined) return this.send({ kind: 'all', namespace }, event);
    return this.send(single, { ...event, rooms: NONE });
  }

  /**
   * Sockets of other instances are being told to join rooms. Until they have, and their instances are subscribed,
   * events for these rooms go over the namespace's channel: `socketsJoin(room)` and `to(room).emit()` right after
   * it work as on one instance.
   */
  joining(namespace: string, rooms: readonly string[], joined: Promise<unknown>): void {
    const pending = rooms.map((room) => `${namespace}\0${room}`);
    for (const key of pending) this.joins.set(key, (this.joins.get(key) ?? 0) + 1);
    const over = (): void => {
      for (const key of pending) {
        const left = (this.joins.get(key) ?? 0) - 1;
        if (left > 0) this.joins.set(key, left);
        else this.joins.delete(key);
      }
    };
    // Whoever made the promise hears of a rejection.
    joined.then(over, over);
  }

  /** Connected sockets of this instance, in all namespaces. */
  get socketCount(): number {
    return this.namespaces.socketCount;
  }

  /** The namespaces of this instance's servers. */
  allNamespaces(): Iterable<LocalNamespace> {
    return this.namespaces.all();
  }

  /** The namespaces of this instance's servers that have this name. */
  namespacesNamed(name: string): Iterable<LocalNamespace> {
    return this.namespaces.named(name);
  }

  /** Resolves once every publish under way is settled. */
  drain(): Promise<void> {
    return this.publishes.drain();
  }

  /** The target of a room that alone is asked for and has a channel of its own. */
  private singleRoom(namespace: string, rooms: readonly string[]): Target | undefined {
    const [room] = rooms;
    if (room === undefined || rooms.length > 1) return undefined;
    if (this.joins.size > 0 && this.joins.has(`${namespace}\0${room}`)) return undefined;
    return targetOfRoom(namespace, room);
  }

  private encode(event: OutgoingEvent): { bytes: Buffer; packet: WirePacket } {
    const { except = NONE, rooms = NONE } = event;
    checkList('except', except);
    checkList('rooms', rooms);
    const dialect = this.namespaces.dialectOf(event.namespace) ?? this.defaultDialect;
    const packet: SocketIoPacket = { type: EVENT_PACKET, nsp: event.namespace, data: event.data };
    const parts = encodePacket(dialect.encoder, packet);
    const length = envelopeLength({ except, rooms }, parts);
    if (length > this.options.maxMessageBytes) {
      throw PropagatorError.of('event.too-large', [
        String(event.data[0]),
        length,
        this.options.maxMessageBytes,
      ]);
    }
    const header = {
      origin: this.originBytes,
      sequence: ++this.sequence,
      sentAt: Date.now(),
      volatile: event.volatile ?? false,
      compress: event.compress ?? true,
      customParser: dialect.custom,
      except,
      rooms,
    };
    const { bytes, frames } = encodeEnvelope(header, parts);
    return { bytes, packet: new WirePacket(frames, dialect.parser, { parts, packet }) };
  }

  private deliver(target: Target, event: OutgoingEvent, packet: WirePacket): number {
    let sockets = 0;
    const audience = audienceOf(target, event.rooms ?? NONE);
    for (const namespace of this.namespaces.named(event.namespace)) {
      sockets += namespace.deliver({
        // Servers on other ports may have another parser.
        packet:
          namespace.dialect.parser === packet.parser
            ? packet
            : packetIn(namespace.dialect, namespace.name, event.data),
        ...audience,
        except: event.except ?? NONE,
        volatile: event.volatile ?? false,
        compress: event.compress ?? true,
      });
    }
    return sockets;
  }

  private publish(target: Target, bytes: Buffer, localSockets: number): Promise<Receipt> {
    return this.publishes.track(
      publishToOthers(this.pubSub, this.channels.of(target), bytes),
      (instances) => receiptOf(localSockets, instances),
    );
  }
}

function checkList(name: string, list: readonly string[]): void {
  if (list.length === 0 || isEncodableList(list)) return;
  throw PropagatorError.of('target.invalid', [
    name,
    `${list.length} names`,
    'Pass at most 65535 names of at most 65535 bytes each.',
  ]);
}
