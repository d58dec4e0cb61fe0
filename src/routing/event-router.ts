import { randomBytes } from 'node:crypto';
import { Subject, type Observable } from 'rxjs';
import { PropagatorError, reasonOf } from '../errors.js';
import { shown } from '../options/checks.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import {
  type ChannelSubscription,
  type Channels,
  SharedChannels,
  type ChannelHandle,
} from '../channels/channels.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { count } from '../reporting/traffic.js';
import { ChannelNames, type Target } from '../wire/channel-names.js';
import { encodePacket } from '../wire/encode-packet.js';
import { encodeEnvelope, envelopeLength, type InstanceId } from '../wire/envelope.js';
import { EVENT_PACKET, WirePacket, type SocketIoPacket } from '../wire/wire-packet.js';
import { codecOf, encodeEvent } from './packet-codec.js';
import { EventPublisher } from './event-publisher.js';
import type { EventLoss } from './event-loss.js';
import { EventReceiver } from './event-receiver.js';
import type { PacketCodec, LocalNamespace } from './local-namespace.js';
import { MessageAuthenticator } from '../channels/message-authenticator.js';
import { NamespaceRegistry } from './namespace-registry.js';
import type { LostPublish } from './outbox-queue.js';
import { nameOf } from '../text.js';
import { checkName } from './target-validation.js';
import { checkLists, checkSentName, type OutgoingEvent } from './outgoing-event.js';
import { PublishTracker } from './publishes-in-flight.js';
import { receiptOf, type Receipt } from './receipt.js';
import { audienceOf, targetOfRoom } from './reserved-rooms.js';
import { spanned, type SendSpan, type Telemetry } from './telemetry.js';
import { soon } from '../reporting/timers.js';

const NONE: readonly string[] = Object.freeze([]);

/** Why an event cannot be published, and can be delivered. */
const DELIVERABLE: ReadonlySet<string> = new Set(['event.too-large', 'target.invalid']);

type RouterOptions = Pick<
  ResolvedOptions,
  | 'prefix'
  | 'maxMessageBytes'
  | 'limits'
  | 'parser'
  | 'outbox'
  | 'repair'
  | 'secret'
  | 'publishTimeoutMs'
>;

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
  /** Of several servers with the same namespaces, too: each event comes in once. */
  private readonly held = new SharedChannels((channel) => this.receiver.stopListening(channel));
  /** Undefined where nothing is signed. */
  readonly guard: MessageAuthenticator | undefined;
  readonly receiver: EventReceiver;
  readonly publisher: EventPublisher;
  private readonly publishes: PublishTracker;
  private readonly losses = new Subject<EventLoss>();
  /** Losses that subscribers of `losses$` get on the next turn of the event loop. */
  private lostLately: EventLoss[] = [];
  /** Events that waited in the outbox and were lost after their sender had been told that they wait. */
  readonly losses$: Observable<EventLoss> = this.losses.asObservable();
  private readonly channels: ChannelNames;
  private readonly defaultCodec: PacketCodec;
  /** Rooms that sockets elsewhere are about to join, and how many such commands are under way. */
  private readonly joins = new Map<string, number>();
  private sequence = 0;

  constructor(
    pubSub: PubSub,
    private readonly subscriptions: Channels,
    private readonly options: RouterOptions,
    private readonly reporter: Reporter,
    private readonly telemetry: Telemetry,
  ) {
    this.channels = new ChannelNames(options.prefix);
    this.defaultCodec = codecOf(options.parser);
    this.publishes = new PublishTracker(reporter);
    this.publisher = new EventPublisher(pubSub, options, reporter, (lost, error) => {
      this.lost(lost, error);
    });
    this.guard = MessageAuthenticator.of(options, reporter);
    this.receiver = new EventReceiver(
      this.originBytes,
      options.maxMessageBytes,
      this.namespaces,
      reporter,
      telemetry,
      this.guard,
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
  hold(target: Target): ChannelHandle {
    const channel = this.channels.of(target);
    return this.held.hold(channel, () => this.listen(target, channel));
  }

  /**
   * Sends an event to a target. The promise may be dropped: a failure is counted, logged once per outage, and
   * never an unhandled rejection.
   *
   * @param line with whose events it keeps its order, where it does not go over its own channel
   * @throws PropagatorError at once `event.unserialisable`, `event.too-large`, `name.too-long`, `target.invalid`; later what
   * `PubSub.publish` rejects with
   */
  send(target: Target, event: OutgoingEvent, line = target): Promise<Receipt> {
    this.checkNames(target);
    if (this.sheds(event)) return Promise.resolve(receiptOf(0, 0));
    const span = this.telemetry.tracing?.send(nameOf(event.data[0]));
    return spanned(span, () => {
      const { bytes, packet } = this.encode(event, span);
      const local = this.deliver(target, event, packet);
      const { namespace } = event;
      span?.sending({ namespace, target: target.kind, targets: 1, bytes: bytes.length }, local);
      return this.publish(target, bytes, event, local, line);
    });
  }

  /** Sends an event, encoded once, to several targets; as {@link send} for each. */
  sendToEach(targets: readonly Target[], event: OutgoingEvent): Promise<Receipt[]> {
    for (const target of targets) this.checkNames(target);
    if (this.sheds(event)) return Promise.resolve(targets.map(() => receiptOf(0, 0)));
    const span = this.telemetry.tracing?.send(nameOf(event.data[0]));
    return spanned(span, () => {
      const { bytes, packet } = this.encode(event, span);
      const local = targets.map((target) => this.deliver(target, event, packet));
      const [{ kind } = { kind: 'user' as const }] = targets;
      const { namespace } = event;
      span?.sending(
        { namespace, target: kind, targets: targets.length, bytes: bytes.length },
        local.reduce((sum, sockets) => sum + sockets, 0),
      );
      return Promise.all(
        targets.map((target, i) => {
          // A signature is for one channel.
          const own = this.guard === undefined ? bytes : Buffer.from(bytes);
          return this.publish(target, own, event, local[i] ?? 0);
        }),
      );
    });
  }

  /**
   * An event that Socket.IO's own API makes (`server.to(room).emit()` and the like): one room has its own channel;
   * for several, or for all, it goes over the namespace's channel, once, with the rooms in the envelope.
   */
  broadcast(event: OutgoingEvent): Promise<Receipt> {
    const { namespace, rooms = NONE } = event;
    const [room] = rooms;
    const own = room === undefined || rooms.length > 1 ? undefined : targetOfRoom(namespace, room);
    if (own !== undefined && !this.isBeingJoined(namespace, room)) {
      return this.send(own, { ...event, rooms: NONE });
    }
    return this.send({ kind: 'all', namespace }, event, own);
  }

  /**
   * As {@link broadcast}, for calls that return nothing: never throws. What cannot be sent to other instances is delivered
   * to the sockets of this one, and the failure is reported.
   *
   * @param only the one namespace whose sockets get it: nothing is published
   */
  emit(event: OutgoingEvent, only?: LocalNamespace): void {
    try {
      checkSentName(event.data);
      if (only === undefined) void this.broadcast(event);
      else this.deliverTo([only], event);
    } catch (error) {
      const sendable = error instanceof PropagatorError && DELIVERABLE.has(error.code);
      const delivered = sendable && this.triesToDeliver(event);
      this.reporter.report(
        'emit.refused',
        () =>
          `an event for ${shown(event.namespace)} reached ${delivered ? 'sockets of this instance only' : 'nobody'}: ${reasonOf(error)}`,
      );
    }
  }

  /** Returns false where sockets of this instance cannot get it either. */
  private triesToDeliver(event: OutgoingEvent): boolean {
    try {
      this.deliverTo(this.namespaces.named(event.namespace), event);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Sockets of other instances are being told to join rooms. Until they have, and their instances are subscribed,
   * events for these rooms go over the namespace's channel: `socketsJoin(room)` and `to(room).emit()` right after
   * it work as on one instance. In the outbox they stand in the line of the room.
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

  /** Without publishing it. */
  private deliverTo(namespaces: Iterable<LocalNamespace>, event: OutgoingEvent): void {
    const { rooms = NONE, except = NONE, volatile = false, compress = true } = event;
    for (const namespace of namespaces) {
      const packet = encodeEvent(namespace.codec, namespace.name, event.data);
      namespace.deliver({ packet, rooms, except, volatile, compress });
    }
  }

  private listen(target: Target, channel: string): ChannelSubscription {
    const { receiver } = this;
    const place = receiver.listen(target, channel);
    return this.subscriptions.acquire(channel, (bytes) => receiver.receive(place, bytes));
  }

  /** Connected sockets of this instance, in all namespaces. */
  get socketCount(): number {
    return this.namespaces.socketCount;
  }

  /** Whether this instance has a server. */
  get hasNamespaces(): boolean {
    return !this.namespaces.isEmpty;
  }

  /** The namespaces of this instance's servers. */
  allNamespaces(): Iterable<LocalNamespace> {
    return this.namespaces.all();
  }

  /** The namespaces of this instance's servers that have this name. */
  namespacesNamed(name: string): Iterable<LocalNamespace> {
    return this.namespaces.named(name);
  }

  /** How many publishes wait for the answer of Redis, those in the outbox included. */
  get pendingPublishes(): number {
    return this.publishes.size + this.publisher.reportedQueued;
  }

  /** Resolves once every publish under way is settled. */
  drain(): Promise<void> {
    return Promise.all([this.publisher.drain(), this.publishes.drain()]).then(() => undefined);
  }

  close(): void {
    this.publisher.close();
    this.tellLosses();
    this.losses.complete();
  }

  private isBeingJoined(namespace: string, room: string | undefined): boolean {
    return this.joins.size > 0 && this.joins.has(`${namespace}\0${room}`);
  }

  /** An instance that does not keep up leaves out what may be left out, before it costs anything. */
  private sheds({ volatile = false }: OutgoingEvent): boolean {
    if (!volatile || !this.telemetry.load.overloaded) return false;
    this.reporter.count('volatile.shed');
    return true;
  }

  /** Names that become channels. @throws PropagatorError `name.too-long` */
  private checkNames(target: Target): void {
    const { nameBytes } = this.options.limits;
    checkName('namespace', target.namespace, nameBytes);
    if ('id' in target) checkName(target.kind === 'user' ? 'userId' : 'room', target.id, nameBytes);
  }

  private encode(
    event: OutgoingEvent,
    span: SendSpan | undefined,
  ): { bytes: Buffer; packet: WirePacket } {
    const { except = NONE, rooms = NONE } = event;
    checkLists({ except, rooms });
    const codec = this.namespaces.codecOf(event.namespace) ?? this.defaultCodec;
    const packet: SocketIoPacket = { type: EVENT_PACKET, nsp: event.namespace, data: event.data };
    const parts = encodePacket(codec.encoder, packet);
    const trace = span?.context;
    const signed = this.guard !== undefined;
    const length = envelopeLength({ except, rooms, trace, signed }, parts);
    if (length > this.options.maxMessageBytes) {
      throw PropagatorError.of('event.too-large', [
        nameOf(event.data[0]),
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
      customParser: codec.custom,
      except,
      rooms,
      trace,
      signed,
    };
    const { bytes, frames } = encodeEnvelope(header, parts);
    return { bytes, packet: new WirePacket(frames, codec.parser, { parts, packet }) };
  }

  private deliver(target: Target, event: OutgoingEvent, packet: WirePacket): number {
    let sockets = 0;
    const audience = audienceOf(target, event.rooms ?? NONE);
    for (const namespace of this.namespaces.named(event.namespace)) {
      sockets += namespace.deliver({
        // Servers on other ports may have another parser.
        packet:
          namespace.codec.parser === packet.parser
            ? packet
            : encodeEvent(namespace.codec, namespace.name, event.data),
        ...audience,
        except: event.except ?? NONE,
        volatile: event.volatile ?? false,
        compress: event.compress ?? true,
      });
    }
    const { delivered } = this.telemetry.traffic;
    count(delivered[target.kind], sockets, sockets * packet.frames.length);
    return sockets;
  }

  private publish(
    target: Target,
    bytes: Buffer,
    { publish = 'queued', volatile = false, data: [name] }: OutgoingEvent,
    localSockets: number,
    lineOf = target,
  ): Promise<Receipt> {
    const { traffic } = this.telemetry;
    count(traffic.sent[target.kind], 1, bytes.length);
    const { published } = traffic;
    const startedAt = published === undefined ? 0 : performance.now();
    const channel = this.channels.of(target);
    const line = lineOf === target ? channel : this.channels.of(lineOf);
    this.guard?.sign(bytes, channel);
    return this.publishes.track(
      this.publisher.publish(channel, bytes, {
        mode: publish,
        volatile,
        orderingKey: line,
        target,
        event: nameOf(name),
      }),
      (instances) => {
        if (instances !== undefined) {
          published?.((performance.now() - startedAt) / 1_000, target.kind);
        }
        return receiptOf(localSockets, instances);
      },
    );
  }
  private lost({ target, event = '' }: LostPublish, error: PropagatorError): void {
    this.publishes.failed(error);
    if (target === undefined) return;
    const id = 'id' in target ? target.id : undefined;
    // Not at once: a subscriber that emits would change the outbox while it makes room, and lose the next event.
    if (this.lostLately.length === 0) {
      const failed = this.reporter.failure('listener.failed', () => 'losses$');
      soon(failed, () => this.tellLosses());
    }
    this.lostLately.push({ event, namespace: target.namespace, target: target.kind, id, error });
  }

  private tellLosses(): void {
    const losses = this.lostLately;
    this.lostLately = [];
    for (const loss of losses) this.losses.next(loss);
  }
}
