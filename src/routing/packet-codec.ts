import * as standardParser from 'socket.io-parser';
import type { PacketParser } from '../ports/packet-parser.js';
import { encodePacket } from '../wire/encode-packet.js';
import { framesLength, payloadLengths, writeFrames } from '../wire/frames.js';
import { EVENT_PACKET, WirePacket, type SocketIoPacket } from '../wire/wire-packet.js';
import type { PacketCodec } from './local-namespace.js';

/** @internal */
export function codecOf(parser: PacketParser): PacketCodec {
  return {
    parser,
    encoder: new parser.Encoder(),
    custom: parser.Encoder !== standardParser.Encoder,
  };
}

/** Encodes an event for clients. With an id they are asked to acknowledge it. @internal */
export function encodeEvent(
  codec: PacketCodec,
  namespace: string,
  data: unknown[],
  id?: number,
): WirePacket {
  const packet: SocketIoPacket = { type: EVENT_PACKET, nsp: namespace, data };
  if (id !== undefined) packet.id = id;
  const parts = encodePacket(codec.encoder, packet);
  const payloads = payloadLengths(parts);
  const frames = Buffer.allocUnsafe(framesLength(parts, payloads));
  writeFrames(frames, 0, parts, payloads);
  return new WirePacket({ frames }, codec.parser, { parts, packet });
}
