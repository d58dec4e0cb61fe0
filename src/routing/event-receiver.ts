import * as standardParser from 'socket.io-parser';
import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import { count } from '../reporting/traffic.js';
import type { Target } from '../wire/channel-names.js';
import { decodeEnvelope, isFrom, type Envelope, type EnvelopeFault } from '../wire/envelope.js';
import { decodeExternalEvent, isExternal } from '../wire/external-event.js';
import { areEventFor } from '../wire/event-frames.js';
import { fnv1a } from '../wire/fnv.js';
import { WirePacket } from '../wire/wire-packet.js';
import { codecOf, encodeEvent } from './packet-codec.js';
import type { LocalNamespace } from './local-namespace.js';
import type { MessageAuthenticator } from '../channels/message-authenticator.js';
import type { NamespaceRegistry } from './namespace-registry.js';
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
}

const OF_ANOTHER_VERSION: ReadonlySet<string> = new Set<EnvelopeFault>([
  'message.unknown-version',
  'message.unknown-kind',
  'message.not-understood',
]);

/** A channel whose events this instance delivers. @internal */
export interface ChannelEntry {
  readonly target: Target;
  readonly channel: string;
  /** The hash of the channel's name. */
  readonly hash: number;
  /** Ms since 1970. */
  readonly listenedToSince: number;
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
  ) {}

  /** Lets the repair intercept all envelopes from now on. Called once, by `createRepair`. */
  useRepair(repair: Repair): void {
    this.repair = repair;
  }

  /** The channels whose events this instance delivers. */
  channels(): Iterable<string> {
    return this.entries.keys();
  }

  listensTo(channel: string): boolean {
    return this.entries.has(channel);
  }

  /** Starts to deliver the events of a target. Messages of its channel go to {@link receive}, with the returned entry. */
  listen(target: Target, channel: string): ChannelEntry {
    const entry = { target, channel, hash: fnv1a(channel), listenedToSince: Date.now() };
    this.entries.set(channel, entry);
    return entry;
  }

  stopListening(channel: string): void {
    this.entries.delete(channel);
  }

  receive({ target, channel, hash }: ChannelEntry, bytes: Buffer): void {
    if (isFrom(bytes, this.ownOrigin)) return;
    try {
      if (bytes.length > this.maxMessageBytes) {
        this.drop('message.too-large', target, described(bytes));
      } else if (this.guard?.verify(bytes, channel) === false) {
        // The guard has reported it.
      } else if (isExternal(bytes)) {
        this.receiveExternal(target, bytes);
      } else {
        const envelope = decodeEnvelope(bytes);
        if (typeof envelope === 'string') this.drop(envelope, target, described(bytes));
        else if (this.repair?.intercept(envelope, channel, bytes) !== true) {
          this.log.add(envelope.origin, envelope.sequence, hash);
          this.receiveEnvelope(target, envelope, bytes.length);
        }
      }
    } catch (error) {
      this.drop('message.failed', target, reasonOf(error));
    }
  }

  /** Delivers an envelope that was missed or held back. */
  deliver({ channel, bytes, sentAt }: Arrival): void {
    // Drop it if the channel is no longer subscribed, or was not yet subscribed when the event was sent.
    const { target, listenedToSince } = this.entries.get(channel) ?? {};
    if (target === undefined || isFrom(bytes, this.ownOrigin)) return;
    if (sentAt !== undefined && listenedToSince !== undefined && sentAt < listenedToSince) return;
    if (this.guard?.verifyReplayed(bytes, channel) === false) return;
    try {
      const envelope = decodeEnvelope(bytes);
      if (typeof envelope === 'string') {
        this.drop(envelope, target, described(bytes));
      } else {
        // Skip sockets that connected after the event was sent: they may have received it on another instance.
        this.receiveEnvelope(target, envelope, bytes.length, sentAt);
      }
    } catch (error) {
      this.drop('message.failed', target, reasonOf(error));
    }
  }

  private receiveEnvelope(
    target: Target,
    envelope: Envelope,
    bytes: number,
    connectedBy?: number,
  ): void {
    const { tracing, traffic } = this.telemetry;
    const { namespace, kind } = target;
    count(traffic.received[kind], 1, bytes);
    const { trace } = envelope;
    const sockets =
      trace === undefined || tracing === undefined
        ? this.deliverEnvelope(target, envelope, connectedBy)
        : tracing.deliver(trace, { namespace, target: kind, targets: 1, bytes }, () =>
            this.deliverEnvelope(target, envelope, connectedBy),
          );
    count(traffic.delivered[kind], sockets, sockets * envelope.frames.length);
    // The clock of the other instance may be ahead.
    traffic.lagged?.(Math.max(0, Date.now() - envelope.sentAt) / 1_000, kind);
  }

  /** Returns the number of sockets that the event was written to. */
  private deliverEnvelope(target: Target, envelope: Envelope, connectedBy?: number): number {
    let sockets = 0;
    if (!envelope.customParser && !areEventFor(target.namespace, envelope.frames)) {
      this.drop('message.malformed', target, 'its frames are no event of the namespace');
      return 0;
    }
    if (envelope.volatile && this.telemetry.load.overloaded) {
      this.reporter.count('volatile.shed');
      return 0;
    }
    // Frames of a custom parser can be read only by a server with the same parser.
    const packet = new WirePacket(envelope.frames, this.standard.parser);
    const audience = audienceOf(target, envelope.rooms);
    for (const namespace of this.namespaces.named(target.namespace)) {
      const readable = this.encodedFor(packet, envelope.customParser, namespace);
      if (readable === undefined) {
        this.drop('message.parser-mismatch', target, `${envelope.frames.length} bytes`);
        continue;
      }
      sockets += namespace.deliver({
        packet: readable,
        ...audience,
        except: envelope.except,
        volatile: envelope.volatile,
        compress: envelope.compress,
        connectedBy,
      });
    }
    return sockets;
  }

  /** The packet in the form of a namespace's parser; undefined if that is not possible. */
  private encodedFor(
    packet: WirePacket,
    custom: boolean,
    { name, codec }: LocalNamespace,
  ): WirePacket | undefined {
    if (custom) return codec.custom ? new WirePacket(packet.frames, codec.parser) : undefined;
    if (!codec.custom) return packet;
    return packet.packet && encodeEvent(codec, name, packet.packet.data);
  }

  private receiveExternal(target: Target, bytes: Buffer): void {
    const event = decodeExternalEvent(bytes);
    if (typeof event === 'string') {
      this.drop('message.malformed', target, event);
      return;
    }
    const { received, delivered } = this.telemetry.traffic;
    count(received[target.kind], 1, bytes.length);
    const data = event.data === undefined ? [event.event] : [event.event, event.data];
    for (const namespace of this.namespaces.named(target.namespace)) {
      const packet = encodeEvent(namespace.codec, namespace.name, data);
      const sockets = namespace.deliver({
        packet,
        rooms: roomsOfTarget(target),
        except: event.except,
        volatile: false,
        compress: true,
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

/** Describes a message for the log. Text is most likely an event in a wrong form, so the line shows the right one. */
function described(bytes: Buffer): string {
  const isText = bytes.length > 0 && bytes.subarray(0, 16).every(isPrintable);
  if (!isText) return `${bytes.length} bytes`;
  return `${bytes.length} bytes of text that do not begin with "{". Publish JSON such as {"event":"tick","data":1}, see docs/protocol.md`;
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
