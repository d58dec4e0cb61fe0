import { PropagatorError, reasonOf } from '../errors.js';
import { textOf } from '../text.js';
import { isArrayBuffer } from '../kinds.js';
import type { PacketEncoder } from '../ports/packet-parser.js';
import { hasFalsePlaceholder } from './false-placeholders.js';
import type { EncodedPart } from './frames.js';
import type { SocketIoPacket } from './wire-packet.js';

/**
 * Encodes a packet with a Socket.IO encoder.
 *
 * @param name its name in an error; default: the name of its event
 * @throws PropagatorError `event.unserialisable` for cycles, BigInt, Blobs, nesting too deep for the stack, or
 * `_placeholder: true` beside binary data
 * @internal
 */
export function encodePacket(
  encoder: PacketEncoder,
  packet: SocketIoPacket,
  name?: string,
): EncodedPart[] {
  try {
    const encoded = encoder.encode(packet);
    if (encoded.length === 1 && typeof encoded[0] === 'string') return encoded as [string];
    const parts = encoded.map(encodedPart);
    if (!hasFalsePlaceholder(parts)) return parts;
    throw new TypeError(
      'an object with "_placeholder": true beside binary data, for which clients would take it',
    );
  } catch (error) {
    throw PropagatorError.of(
      'event.unserialisable',
      [name ?? textOf(packet.data[0]), reasonOf(error)],
      error,
    );
  }
}

/** Attachments have the binary type that the app used. */
function encodedPart(part: unknown): EncodedPart {
  if (typeof part === 'string' || Buffer.isBuffer(part)) return part;
  if (ArrayBuffer.isView(part)) return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  if (isArrayBuffer(part)) return Buffer.from(part);
  throw new TypeError(
    `${Object.prototype.toString.call(part).slice(8, -1)} cannot be sent; read it into a Buffer first`,
  );
}
