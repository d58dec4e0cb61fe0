import * as standardParser from 'socket.io-parser';
import { reasonOf } from '../errors.js';
import { lenientNow } from '../reporting/lenient-now.js';
import type { Reporter } from '../reporting/reporter.js';
import { count } from '../reporting/traffic.js';
import type { Target } from '../wire/channel-names.js';
import { decodeEnvelope, isFrom, type Envelope, type EnvelopeFault } from '../wire/envelope.js';
import { decodeExternalEvent, isExternal } from '../wire/external-event.js';
import { areEventFor } from '../wire/event-frames.js';
import { fnv1a } from '../wire/fnv.js';
import { WirePacket } from '../wire/wire-packet.js';
import { codecOf, encodeEvent } from './packet-codec.js';
import type { Delivery, LocalNamespace } from './local-namespace.js';
import type { ChannelReceiver } from '../channels/channels.js';
import type { MessageAuthenticator } from '../channels/message-authenticator.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import type { Offsets } from './offsets.js';
import { ReceivedLog } from './received-log.js';
import { audienceOf, roomsOfTarget } from './reserved-rooms.js';
import type { Telemetry } from './telemetry.js';

/** A received envelope, and its channel. @internal */
export interface Arrival {
  readonly channel: string;
  readonly sequence: number;
  readonly bytes: Buffer;
  /** When it was sent, in ms since 1970 by the clock of this instance. Only for an event that was missed at that time. */
  readonly sentAt?: number;
  /** Since when the event has waited here for earlier ones, in ms since 1970. */
  readonly heldSince?: number;
}

/** An event as a namespace of this instance would deliver it. @internal */
export interface ReadEvent {
  readonly name: string;
  /** True if an app's own parser made the frames. */
  readonly custom: boolean;
  readonly delivery: Delivery;
}

/** The most targets that a list names. */
const MAX_TARGETS = 1_000;

const OF_ANOTHER_VERSION: ReadonlySet<string> = new Set<EnvelopeFault>([
  'message.unknown-version',
  'message.unknown-kind',
  'message.not-understood',
]);

/** A channel whose events this instance delivers. @internal */
export class ChannelEntry implements ChannelReceiver {
  /** The hash of the channel's name. */
  readonly hash: number;
  /** Ms since 1970. */
  readonly listenedToSince = lenientNow();
  private known: readonly string[] | undefined;

  constructor(
    private readonly receiver: EventReceiver,
    readonly target: Target,
    readonly channel: string,
  ) {
    this.hash = fnv1a(channel);
  }

  /** The rooms that the target stands for: one list for all events, made for the first one. */
  get rooms(): readonly string[] {
    return (this.known ??= roomsOfTarget(this.target));
  }

  receive(bytes: Buffer): void {
    this.receiver.receive(this, bytes);
  }
}

/** The part of the repair that sees incoming envelopes before they are delivered. */
interface Repair {
  /** Returns true to hold the envelope back, or to drop it. */
  intercept(envelope: Envelope, channel: string, bytes: Buffer): boolean;
}

/**
 * Delivers messages of other instances, and of other programs, to the sockets of this instance. A message that cannot be
 * delivered is counted, reported and dropped. Never throws.
 *
 * @internal
 */
export class EventReceiver {
  private readonly standard = codecOf(standardParser);
  private readonly entries = new Map<string, ChannelEntry>();
  private repair: Repair | undefined;
  /** The recently received envelopes. */
  readonly log = new ReceivedLog();

  constructor(
    private readonly ownOrigin: Buffer,
    private readonly maxMessageBytes: number,
    private readonly namespaces: NamespaceRegistry,
    private readonly reporter: Reporter,
    private readonly telemetry: Telemetry,
    private readonly guard?: MessageAuthenticator,
    private readonly offsets?: Offsets,
  ) {}

  /** Lets the repair intercept all envelopes from now on. Called once, by `createRepair`. */
  useRepair(repair: Repair): void {
    this.repair = repair;
  }

  /** The channels whose events this instance delivers. */
  channels(): Iterable<string> {
    return this.entries.keys();
  }

  /** The targets of the channels that `isOne` accepts. Undefined: `isOne` accepts all channels, or too many. */
  targetsOf(isOne: (channel: string) => boolean): Target[] | undefined {
    const targets: Target[] = [];
    let isAll = true;
    for (const { channel, target } of this.entries.values()) {
      if (!isOne(channel)) isAll = false;
      else if (targets.push(target) > MAX_TARGETS) return undefined;
    }
    return isAll ? undefined : targets;
  }

  listensTo(channel: string): boolean {
    return this.entries.has(channel);
  }

  /** Starts to deliver the events of a target. The result receives the messages of its channel. */
  listen(target: Target, channel: string): ChannelEntry {
    const entry = new ChannelEntry(this, target, channel);
    this.entries.set(channel, entry);
    return entry;
  }

  stopListening(channel: string): void {
    this.entries.delete(channel);
  }

  /** Called by an entry. */
  receive(entry: ChannelEntry, bytes: Buffer): void {
    if (isFrom(bytes, this.ownOrigin)) return;
    const { target, channel, hash } = entry;
    try {
      if (bytes.length > this.maxMessageBytes) {
        this.drop('message.too-large', target, described(bytes));
      } else if (this.guard?.verify(bytes, channel) === false) {
        // The guard has reported it.
      } else if (isExternal(bytes)) {
        this.receiveExternal(entry, bytes);
      } else {
        const envelope = decodeEnvelope(bytes);
        if (typeof envelope === 'string') this.drop(envelope, target, described(bytes));
        else if (this.repair?.intercept(envelope, channel, bytes) !== true) {
          this.log.add(envelope.origin, envelope.sequence, hash);
          this.receiveEnvelope(entry, envelope, bytes.length);
        }
      }
    } catch (error) {
      this.drop('message.failed', target, reasonOf(error));
    }
  }

  /** Delivers an envelope that was missed or held back. */
  deliver({ channel, bytes, sentAt, heldSince }: Arrival): void {
    // Drop it if the channel is no longer subscribed, or was not yet subscribed when the event was sent.
    const entry = this.entries.get(channel);
    if (entry === undefined || isFrom(bytes, this.ownOrigin)) return;
    if (sentAt !== undefined && sentAt < entry.listenedToSince) return;
    if (this.guard?.verifyReplayed(bytes, channel) === false) return;
    try {
      const envelope = decodeEnvelope(bytes);
      if (typeof envelope === 'string') {
        this.drop(envelope, entry.target, described(bytes));
      } else {
        // Skip sockets that connected, or joined the room, after the event was sent: they may have received the event on another
        // instance, or were not to see it.
        this.receiveEnvelope(entry, envelope, bytes.length, sentAt ?? heldSince);
      }
    } catch (error) {
      this.drop('message.failed', entry.target, reasonOf(error));
    }
  }

  private receiveEnvelope(
    entry: ChannelEntry,
    envelope: Envelope,
    bytes: number,
    asOf?: number,
  ): void {
    const { tracing, traffic } = this.telemetry;
    const { namespace, kind } = entry.target;
    count(traffic.received[kind], 1, bytes);
    const { trace } = envelope;
    const sockets =
      trace === undefined || tracing === undefined
        ? this.deliverEnvelope(entry, envelope, asOf)
        : tracing.deliver(trace, { namespace, target: kind, targets: 1, bytes }, () =>
            this.deliverEnvelope(entry, envelope, asOf),
          );
    count(traffic.delivered[kind], sockets, sockets * envelope.frames.length);
    // The clock of the other instance may be ahead.
    traffic.lagged?.(Math.max(0, Date.now() - envelope.sentAt) / 1_000, kind);
  }

  /**
   * Reads an event for clients that come back, as each namespace would deliver it now. Undefined: it cannot be read, or not by
   * each namespace.
   */
  read({ channel, bytes }: Pick<Arrival, 'channel' | 'bytes'>): ReadEvent[] | undefined {
    const entry = this.entries.get(channel);
    if (entry === undefined || this.guard?.verifyRead(bytes, channel) === false) {
      return undefined;
    }
    const envelope = decodeEnvelope(bytes);
    if (typeof envelope === 'string') return undefined;
    const events: ReadEvent[] = [];
    this.toEach(entry, envelope, undefined, ({ name, codec: { custom } }, delivery) =>
      events.push({ name, custom, delivery }),
    );
    return events.length === this.namespaces.named(entry.target.namespace).size
      ? events
      : undefined;
  }

  /** Returns the number of sockets that the event was written to. */
  private deliverEnvelope(entry: ChannelEntry, envelope: Envelope, asOf?: number): number {
    if (envelope.volatile && this.telemetry.load.overloaded) {
      this.reporter.count('volatile.shed');
      return 0;
    }
    return this.toEach(entry, envelope, asOf, deliver);
  }

  /** Hands an event to `act` for each namespace of its name. Returns the sum of the results. */
  private toEach(
    { target, rooms }: ChannelEntry,
    envelope: Envelope,
    asOf: number | undefined,
    act: (namespace: LocalNamespace, delivery: Delivery) => number,
  ): number {
    let sum = 0;
    if (!envelope.customParser && !areEventFor(target.namespace, envelope.frames)) {
      this.drop('message.malformed', target, 'its frames are no event of the namespace');
      return 0;
    }
    // Frames of a custom parser can be read only by a server with the same parser.
    const packet = new WirePacket(envelope, this.standard.parser);
    const audience = audienceOf(rooms, envelope.rooms);
    const offset = this.offsets?.of(envelope.origin, envelope.sequence);
    for (const namespace of this.namespaces.named(target.namespace)) {
      const readable = this.encodedFor(packet, envelope.customParser, namespace);
      if (readable === undefined) {
        this.drop('message.parser-mismatch', target, `${envelope.frames.length} bytes`);
        continue;
      }
      sum += act(namespace, {
        packet:
          offset === undefined || envelope.hasOffset === true
            ? readable
            : withOffset(readable, namespace, offset.text),
        ...audience,
        except: envelope.except,
        volatile: envelope.volatile,
        compress: envelope.compress,
        asOf,
        offset,
        latestOnly: envelope.latestOnly,
      });
    }
    return sum;
  }

  /** The packet in the form of a namespace's parser; undefined if that is not possible. */
  private encodedFor(
    packet: WirePacket,
    custom: boolean,
    { name, codec }: LocalNamespace,
  ): WirePacket | undefined {
    if (custom) return codec.custom ? new WirePacket(packet, codec.parser) : undefined;
    if (!codec.custom) return packet;
    return packet.packet && encodeEvent(codec, name, packet.packet.data);
  }

  private receiveExternal({ target, rooms, channel }: ChannelEntry, bytes: Buffer): void {
    const event = decodeExternalEvent(bytes);
    if (typeof event === 'string') {
      this.drop('message.malformed', target, event);
      return;
    }
    const { received, delivered } = this.telemetry.traffic;
    count(received[target.kind], 1, bytes.length);
    const data = event.data === undefined ? [event.event] : [event.event, event.data];
    const offset = this.offsets?.ofContent(channel, bytes);
    if (offset !== undefined) data.push(offset.text);
    for (const namespace of this.namespaces.named(target.namespace)) {
      const packet = encodeEvent(namespace.codec, namespace.name, data);
      const sockets = namespace.deliver({
        packet,
        rooms,
        except: event.except,
        volatile: false,
        compress: true,
        offset,
      });
      count(delivered[target.kind], sockets, sockets * packet.frames.length);
    }
  }

  private drop(kind: string, target: Target, detail: string): void {
    const line = (): string =>
      `dropped a message for ${target.kind} of namespace ${target.namespace}: ${detail}`;
    // Another version of this library, as during a rolling deploy: one log line is enough.
    if (OF_ANOTHER_VERSION.has(kind)) this.reporter.once(kind, line);
    else this.reporter.report(kind, line);
  }
}

function deliver(namespace: LocalNamespace, delivery: Delivery): number {
  return namespace.deliver(delivery);
}

/** An event of an instance without the option `recovery` has no offset. */
function withOffset(
  packet: WirePacket,
  { codec, name }: LocalNamespace,
  offset: string,
): WirePacket {
  const data = packet.packet?.data;
  return data === undefined ? packet : encodeEvent(codec, name, [...data, offset]);
}

/** Describes a message for the log. Text is most likely an event in a wrong form, so the line shows the right one. */
function described(bytes: Buffer): string {
  const isText = bytes.length > 0 && bytes.subarray(0, 16).every(isPrintable);
  if (!isText) return `${bytes.length} bytes`;
  return `${bytes.length} bytes of text that do not begin with "{". Publish JSON such as {"event":"tick","data":1}, see docs/protocol.md`;
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
