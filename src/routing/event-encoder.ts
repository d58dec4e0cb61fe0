import { PropagatorError } from '../errors.js';
import { nameOf } from '../text.js';
import { encodePacket } from '../wire/encode-packet.js';
import { encodeEnvelope, envelopeLength, type WireVersion } from '../wire/envelope.js';
import type { TraceContext } from '../wire/trace-context.js';
import { EVENT_PACKET, WirePacket, type SocketIoPacket } from '../wire/wire-packet.js';
import type { PacketCodec } from './local-namespace.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import { checkLists, type OutgoingEvent } from './outgoing-event.js';

const NONE: readonly string[] = Object.freeze([]);

/** @internal */
export interface EncodedEvent {
  /** The envelope for other instances. If envelopes are signed, it has room for the signature. */
  readonly bytes: Buffer;
  /** The same frames, for the sockets of this instance. */
  readonly packet: WirePacket;
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
}

/** Encodes each event once, for the sockets of all instances, and numbers the events of this instance. @internal */
export class EventEncoder {
  /** The version of the envelopes: one that all instances read. */
  version: WireVersion = 1;
  private sequence = 0;

  constructor(private readonly deps: EventEncoderDeps) {}

  /**
   * @param trace the trace context in the envelope
   * @throws PropagatorError `event.unserialisable`, `event.too-large`, `target.invalid`
   */
  encode(event: OutgoingEvent, trace?: TraceContext): EncodedEvent {
    const { origin, namespaces, defaultCodec, maxMessageBytes, signed } = this.deps;
    const { version } = this;
    const { except = NONE, rooms = NONE } = event;
    checkLists({ except, rooms });
    const codec = namespaces.codecOf(event.namespace) ?? defaultCodec;
    const packet: SocketIoPacket = { type: EVENT_PACKET, nsp: event.namespace, data: event.data };
    const parts = encodePacket(codec.encoder, packet);
    const length = envelopeLength({ version, except, rooms, trace, signed }, parts);
    if (length > maxMessageBytes) {
      throw PropagatorError.of('event.too-large', [nameOf(event.data[0]), length, maxMessageBytes]);
    }
    const header = {
      version,
      origin,
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
}
