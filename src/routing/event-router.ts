import { randomBytes } from 'node:crypto';
import type { Observable } from 'rxjs';
import { PropagatorError, reasonOf } from '../errors.js';
import { shown } from '../options/checks.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { ChannelHandle, Channels } from '../channels/channels.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { count } from '../reporting/traffic.js';
import { ChannelNames, type Target } from '../wire/channel-names.js';
import type { InstanceId, WireVersion } from '../wire/envelope.js';
import { EventPublisher } from './event-publisher.js';
import { EventEncoder } from './event-encoder.js';
import { EventLosses, type EventLoss } from './event-loss.js';
import { EventReceiver } from './event-receiver.js';
import { LocalDelivery } from './local-delivery.js';
import type { LocalNamespace } from './local-namespace.js';
import { Offsets } from './offsets.js';
import { MessageAuthenticator } from '../channels/message-authenticator.js';
import { NamespaceRegistry } from './namespace-registry.js';
import { nameOf } from '../text.js';
import { checkName } from './target-validation.js';
import { checkSentName, type OutgoingEvent } from './outgoing-event.js';
import { codecOf } from './packet-codec.js';
import { PendingJoins } from './pending-joins.js';
import { receiptOf, type Receipt } from './receipt.js';
import { targetOfRoom } from './reserved-rooms.js';
import type { Telemetry } from './telemetry.js';

const NONE: readonly string[] = Object.freeze([]);

/** Errors of events that cannot be published, but can be delivered to the sockets of this instance. */
const DELIVERABLE: ReadonlySet<string> = new Set(['event.too-large', 'target.invalid']);

type RouterOptions = Pick<
  ResolvedOptions,
  | 'prefix'
  | 'maxMessageBytes'
  | 'limits'
  | 'parser'
  | 'outbox'
  | 'repair'
  | 'recovery'
  | 'secret'
  | 'publishTimeoutMs'
>;

/**
 * The router of all events. It encodes an event once, delivers it to the sockets of this instance, then publishes it for
 * the other instances. Redis also returns an instance's own events; the receiver drops them.
 *
 * @internal
 */
export class EventRouter {
  /** Random at each start. Its bytes are the origin of each envelope. */
  readonly instanceId: InstanceId;
  /** The namespaces of this instance's servers, which add and remove them. */
  readonly namespaces = new NamespaceRegistry();
  /** Undefined without the option `secret`. */
  readonly guard: MessageAuthenticator | undefined;
  readonly receiver: EventReceiver;
  readonly publisher: EventPublisher;
  private readonly losses: EventLosses;
  private readonly channels: ChannelNames;
  /** Rooms that sockets of other instances are about to join: their events go over the channel of the namespace. */
  readonly pendingJoins = new PendingJoins();
  /** Undefined without the option `recovery`. */
  readonly offsets: Offsets | undefined;
  readonly encoder: EventEncoder;
  private readonly local: LocalDelivery;

  constructor(
    pubSub: PubSub,
    private readonly sharedChannels: Channels,
    private readonly options: RouterOptions,
    private readonly reporter: Reporter,
    private readonly telemetry: Telemetry,
  ) {
    const { prefix, parser, maxMessageBytes } = options;
    const origin = randomBytes(8);
    this.instanceId = origin.toString('hex');
    this.channels = new ChannelNames(prefix);
    this.offsets = options.recovery && new Offsets(origin);
    this.local = new LocalDelivery(this.namespaces, telemetry.traffic, this.offsets);
    const losses = new EventLosses(reporter.failure('listener.failed', () => 'losses$'));
    this.losses = losses;
    this.guard = MessageAuthenticator.of(options, reporter);
    this.publisher = new EventPublisher(
      pubSub,
      options,
      reporter,
      (publish, error) => losses.add(publish, error),
      this.guard,
    );
    this.encoder = new EventEncoder({
      origin,
      namespaces: this.namespaces,
      defaultCodec: codecOf(parser),
      maxMessageBytes,
      signed: this.guard !== undefined,
      offsets: this.offsets,
    });
    this.receiver = new EventReceiver(
      origin,
      maxMessageBytes,
      this.namespaces,
      reporter,
      telemetry,
      this.guard,
      this.offsets,
    );
  }

  /** Events are written in this version from now on: one that all instances read. */
  useWireVersion(version: WireVersion): void {
    this.encoder.version = version;
  }

  /** Events that were lost in the outbox after their promises had resolved as queued. */
  get losses$(): Observable<EventLoss> {
    return this.losses.losses$;
  }

  /**
   * Keeps this instance subscribed to a target's channel. Several servers of an instance may have the same namespace, and
   * an event must arrive once.
   */
  hold(target: Target): ChannelHandle {
    const channel = this.channels.of(target);
    const { receiver } = this;
    return this.sharedChannels.share(
      channel,
      () => receiver.listen(target, channel),
      this.released,
    );
  }

  /** The channels of the events for a namespace and these rooms. */
  channelsOf(namespace: string, rooms: readonly string[]): string[] {
    const targets = rooms.flatMap((room) => targetOfRoom(namespace, room) ?? []);
    const all = { kind: 'all', namespace } as const;
    return [all, ...targets].map((target) => this.channels.of(target));
  }

  private readonly released = (channel: string): void => this.receiver.stopListening(channel);

  /**
   * Sends an event to a target. The promise may be ignored: a failure is counted, and logged once in each outage.
   *
   * @param orderedWith the target among whose events it keeps its order
   * @throws PropagatorError at once `event.unserialisable`, `event.too-large`, `name.too-long`, `target.invalid`; later
   * any error of `PubSub.publish`
   */
  send(target: Target, event: OutgoingEvent, orderedWith = target): Promise<Receipt> {
    this.checkNames(target);
    if (this.sheds(event)) return Promise.resolve(receiptOf(0, 0));
    const span = this.telemetry.tracing?.send(nameOf(event.data[0]));
    try {
      const { bytes, packet, offset } = this.encoder.encode(event, span?.context);
      const local = this.local.deliver(target, event, packet, offset);
      const { namespace } = event;
      span?.sending({ namespace, target: target.kind, targets: 1, bytes: bytes.length }, local);
      const receipt = this.publish(target, bytes, event, local, orderedWith);
      span?.endWith(receipt);
      return receipt;
    } catch (error) {
      span?.failed(error);
      throw error;
    }
  }

  /** Sends an event to several targets, like {@link send}; it is encoded once. */
  sendToEach(targets: readonly Target[], event: OutgoingEvent): Promise<Receipt[]> {
    for (const target of targets) this.checkNames(target);
    if (this.sheds(event)) return Promise.resolve(targets.map(() => receiptOf(0, 0)));
    const span = this.telemetry.tracing?.send(nameOf(event.data[0]));
    try {
      const { bytes, packet, offset } = this.encoder.encode(event, span?.context);
      const local = targets.map((target) => this.local.deliver(target, event, packet, offset));
      const [{ kind } = { kind: 'user' as const }] = targets;
      const { namespace } = event;
      span?.sending(
        { namespace, target: kind, targets: targets.length, bytes: bytes.length },
        local.reduce((sum, sockets) => sum + sockets, 0),
      );
      const receipts = Promise.all(
        targets.map((target, i) => {
          // Each channel has a signature of its own.
          const own = this.guard === undefined ? bytes : Buffer.from(bytes);
          return this.publish(target, own, event, local[i] ?? 0);
        }),
      );
      span?.endWith(receipts);
      return receipts;
    } catch (error) {
      span?.failed(error);
      throw error;
    }
  }

  /**
   * Sends an event of Socket.IO's own API (such as `server.to(room).emit()`). An event for one room goes over the channel
   * of the room, any other once over the channel of the namespace, with the rooms in the envelope. While sockets of other
   * instances are about to join the room, its events go over the channel of the namespace instead, and keep their order
   * with earlier ones.
   */
  broadcast(event: OutgoingEvent): Promise<Receipt> {
    const { namespace, rooms = NONE } = event;
    const [room] = rooms;
    const own = room === undefined || rooms.length > 1 ? undefined : targetOfRoom(namespace, room);
    if (own !== undefined && !this.pendingJoins.has(namespace, room)) {
      return this.send(own, { ...event, rooms: NONE });
    }
    return this.send({ kind: 'all', namespace }, event, own);
  }

  /**
   * Like {@link broadcast}, but never throws. It delivers an event that cannot be published to the sockets of this
   * instance, and reports the failure.
   *
   * @param only delivers to the sockets of this namespace, without publishing
   */
  emit(event: OutgoingEvent, only?: LocalNamespace): void {
    try {
      checkSentName(event.data);
      if (only === undefined) void this.broadcast(event);
      else this.local.deliverTo([only], event);
    } catch (error) {
      const sendable = error instanceof PropagatorError && DELIVERABLE.has(error.code);
      const delivered = sendable && this.local.tryToDeliver(event);
      this.reporter.report(
        'emit.refused',
        () =>
          `an event for ${shown(event.namespace)} reached ${delivered ? 'sockets of this instance only' : 'nobody'}: ${reasonOf(error)}`,
      );
    }
  }

  /** Number of publishes that wait for a reply of Redis, the outbox included. */
  get pendingPublishes(): number {
    return this.publisher.pending;
  }

  /** Resolves once no publish is pending. */
  drain(): Promise<void> {
    return this.publisher.drain();
  }

  close(): void {
    this.publisher.close();
    this.losses.close();
  }

  /** Whether to drop a volatile event because this instance is overloaded. */
  private sheds({ volatile = false }: OutgoingEvent): boolean {
    if (!volatile || !this.telemetry.load.overloaded) return false;
    this.reporter.count('volatile.shed');
    return true;
  }

  /** Checks the names that become part of a channel. @throws PropagatorError `name.too-long` */
  private checkNames(target: Target): void {
    const { nameBytes } = this.options.limits;
    checkName('namespace', target.namespace, nameBytes);
    if ('id' in target) checkName(target.kind === 'user' ? 'userId' : 'room', target.id, nameBytes);
  }

  private publish(
    target: Target,
    bytes: Buffer,
    { publish = 'queued', volatile = false, data: [name] }: OutgoingEvent,
    localSockets: number,
    orderedWith = target,
  ): Promise<Receipt> {
    const { traffic } = this.telemetry;
    count(traffic.sent[target.kind], 1, bytes.length);
    const { published } = traffic;
    const startedAt = published === undefined ? 0 : performance.now();
    const channel = this.channels.of(target);
    return this.publisher.publish(
      channel,
      bytes,
      {
        mode: publish,
        volatile,
        orderedWith: orderedWith === target ? channel : this.channels.of(orderedWith),
        target,
        event: nameOf(name),
      },
      (instances) => {
        if (instances !== undefined) {
          published?.((performance.now() - startedAt) / 1_000, target.kind);
        }
        return receiptOf(localSockets, instances);
      },
    );
  }
}
