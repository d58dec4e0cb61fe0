import { PropagatorError } from '../errors.js';
import { nameOf } from '../text.js';
import { encodePacket } from '../wire/encode-packet.js';
import { encodeEnvelope, sizeOf, type WireVersion } from '../wire/envelope.js';
import type { EventOffset } from '../wire/offset.js';
import type { TraceContext } from '../wire/trace-context.js';
import { EVENT_PACKET, WirePacket, type SocketIoPacket } from '../wire/wire-packet.js';
import type { PacketCodec } from './local-namespace.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import type { Offsets } from './offsets.js';
import { checkList, type OutgoingEvent } from './outgoing-event.js';

const NONE: readonly string[] = Object.freeze([]);

/** @internal */
export interface EncodedEvent {
  /** The envelope for other instances. If envelopes are signed, it has room for the signature. */
  readonly bytes: Buffer;
  /** The same frames, for the sockets of this instance. */
  readonly packet: WirePacket;
  /** The last argument of the event, with connection recovery. */
  readonly offset: EventOffset | undefined;
}

interface EventEncoderDeps {
  /** Identifies this instance in envelopes: 8 bytes. */
  readonly origin: Buffer;
  readonly namespaces: Pick<NamespaceRegistry, 'codecOf'>;
  /** Used while this instance has no server. */
  readonly defaultCodec: PacketCodec;
  /** The largest envelope, in bytes. */
  readonly maxMessageBytes: number;
  /** Whether envelopes carry a signature. */
  readonly signed: boolean;
  /** The offsets of events; present with connection recovery only. */
  readonly offsets?: Offsets | undefined;
}

/** Encodes each event once, for the sockets of all instances, and numbers the events of this instance. @internal */
export class EventEncoder {
  /** The version of the envelopes: one that all instances read. */
  version: WireVersion = 1;
  private sequence = 0;

  constructor(private readonly deps: EventEncoderDeps) {}

  /** The offset of the last event. */
  get lastOffset(): string | undefined {
    return this.deps.offsets?.ofOwn(this.sequence).text;
  }

  /**
   * @param trace the trace context in the envelope
   * @throws PropagatorError `event.unserialisable`, `event.too-large`, `target.invalid`
   */
  encode(event: OutgoingEvent, trace?: TraceContext): EncodedEvent {
    // Take the number first: a `toJSON` of the app may send another event.
    const sequence = ++this.sequence;
    try {
      return this.encodeAs(sequence, event, trace);
    } catch (error) {
      if (this.sequence === sequence) this.sequence--;
      throw error;
    }
  }

  private encodeAs(sequence: number, event: OutgoingEvent, trace?: TraceContext): EncodedEvent {
    const { origin, namespaces, defaultCodec, maxMessageBytes, signed, offsets } = this.deps;
    const { except = NONE, rooms = NONE } = event;
    checkList('except', except);
    checkList('rooms', rooms);
    const codec = namespaces.codecOf(event.namespace) ?? defaultCodec;
    const offset = offsets?.ofOwn(sequence);
    const data = offset === undefined ? event.data : [...event.data, offset.text];
    const packet: SocketIoPacket = { type: EVENT_PACKET, nsp: event.namespace, data };
    const parts = encodePacket(codec.encoder, packet);
    const header = {
      version: this.version,
      origin,
      sequence,
      sentAt: Date.now(),
      volatile: event.volatile ?? false,
      compress: event.compress ?? true,
      customParser: codec.custom,
      except,
      rooms,
      trace,
      latestOnly: event.latestOnly,
      signed,
      hasOffset: offset !== undefined,
    };
    const size = sizeOf(header, parts);
    if (size.total > maxMessageBytes) {
      const name = nameOf(event.data[0]);
      throw PropagatorError.of('event.too-large', [name, size.total, maxMessageBytes]);
    }
    const envelope = encodeEnvelope(header, parts, 'event', size);
    const { bytes } = envelope;
    return { bytes, packet: new WirePacket(envelope, codec.parser, { parts, packet }), offset };
  }
}
