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
import { type NamespaceRegistry, RecentSockets } from './namespace-registry.js';
import { ReceivedLog } from './received-log.js';
import { audienceOf, roomsOfTarget } from './reserved-rooms.js';
import type { Telemetry } from './telemetry.js';

/** An envelope that has come in, and the channel that it came over. @internal */
export interface Arrival {
  readonly channel: string;
  readonly sequence: number;
  readonly bytes: Buffer;
  /** When it was sent, in ms since 1970 by this instance's clock, where it could not be heard then. */
  readonly sentAt?: number;
}

const OF_ANOTHER_VERSION: ReadonlySet<string> = new Set<EnvelopeFault>([
  'message.unknown-version',
  'message.unknown-kind',
]);

/** A channel that is listened to. @internal */
export interface ChannelEntry {
  readonly target: Target;
  readonly channel: string;
  /** Of the channel's name. */
  readonly hash: number;
  /** Ms since 1970. */
  readonly listenedToSince: number;
}

/** What makes up for what could not be heard. */
interface Repair {
  /** Whether it has taken the envelope, which then is not delivered now. */
  intercept(envelope: Envelope, channel: string, bytes: Buffer): boolean;
}

/**
 * What comes in from other instances, and from outside: delivered to the sockets of this instance, or counted,
 * reported and dropped. Never throws.
 *
 * @internal
 */
export class EventReceiver {
  private readonly standard = codecOf(standardParser);
  private readonly entries = new Map<string, ChannelEntry>();
  private repair: Repair | undefined;
  private readonly recentSockets: RecentSockets;
  /** What was received lately. */
  readonly log = new ReceivedLog();

  constructor(
    private readonly ownOrigin: Buffer,
    private readonly maxMessageBytes: number,
    private readonly namespaces: NamespaceRegistry,
    private readonly reporter: Reporter,
    private readonly telemetry: Telemetry,
    private readonly guard?: MessageAuthenticator,
  ) {
    this.recentSockets = new RecentSockets(namespaces);
  }

  /** From now on it looks after what this instance could not hear. */
  useRepair(repair: Repair): void {
    this.repair = repair;
  }

  /** The channels that are listened to. */
  channels(): Iterable<string> {
    return this.entries.keys();
  }

  /** What comes over the channel of a target from now on is for {@link receive}, with what comes back. */
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
        // It is reported.
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

  /** What was missed before, or held. */
  deliver({ channel, bytes, sentAt = Infinity }: Arrival): void {
    // Nobody here wants it any more, or nobody wanted it then.
    const { target, listenedToSince } = this.entries.get(channel) ?? {};
    if (target === undefined || isFrom(bytes, this.ownOrigin)) return;
    if (listenedToSince !== undefined && sentAt < listenedToSince) return;
    if (this.guard?.verifyReplayed(bytes, channel) === false) return;
    try {
      const envelope = decodeEnvelope(bytes);
      if (typeof envelope === 'string') {
        this.drop(envelope, target, described(bytes));
      } else {
        // Who came later may have got it elsewhere before.
        const young =
          sentAt === Infinity ? [] : this.recentSockets.connectedAfter(sentAt, target.namespace);
        const except = [...envelope.except, ...young];
        this.receiveEnvelope(target, { ...envelope, except }, bytes.length);
      }
    } catch (error) {
      this.drop('message.failed', target, reasonOf(error));
    }
  }

  private receiveEnvelope(target: Target, envelope: Envelope, bytes: number): void {
    const { tracing, traffic } = this.telemetry;
    const { namespace, kind } = target;
    count(traffic.received[kind], 1, bytes);
    const { trace } = envelope;
    const sockets =
      trace === undefined || tracing === undefined
        ? this.deliverEnvelope(target, envelope)
        : tracing.deliver(trace, { namespace, target: kind, targets: 1, bytes }, () =>
            this.deliverEnvelope(target, envelope),
          );
    count(traffic.delivered[kind], sockets, sockets * envelope.frames.length);
    // The other instance's clock may be ahead of ours.
    traffic.lagged?.(Math.max(0, Date.now() - envelope.sentAt) / 1_000, kind);
  }

  /** Returns to how many sockets it was written. */
  private deliverEnvelope(target: Target, envelope: Envelope): number {
    let sockets = 0;
    if (!envelope.customParser && !areEventFor(target.namespace, envelope.frames)) {
      this.drop('message.malformed', target, 'its frames are no event of the namespace');
      return 0;
    }
    if (envelope.volatile && this.telemetry.load.overloaded) {
      this.reporter.count('volatile.shed');
      return 0;
    }
    // The frames may be a custom parser's: then only a server with the same one can make sense of them.
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
      });
    }
    return sockets;
  }

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
    // Another version of this library, as during a rolling deploy: once is enough.
    if (OF_ANOTHER_VERSION.has(kind)) this.reporter.once(kind, line);
    else this.reporter.report(kind, line);
  }
}

/** Text is most likely from a person or a program that does not know the form of a message. */
function described(bytes: Buffer): string {
  const isText = bytes.length > 0 && bytes.subarray(0, 16).every(isPrintable);
  if (!isText) return `${bytes.length} bytes`;
  return `${bytes.length} bytes of text that do not begin with "{". Publish JSON such as {"event":"tick","data":1}, see docs/protocol.md`;
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
