import type { PacketDecoder, PacketParser } from '../ports/packet-parser.js';
import { readFrames, type EncodedPart } from './frames.js';

/** A Socket.IO packet, as its parsers take and give it. @internal */
export interface SocketIoPacket {
  type: number;
  nsp: string;
  data: unknown[];
  id?: number;
}

/** `EVENT` of the Socket.IO protocol. @internal */
export const EVENT_PACKET = 2;

/**
 * A packet on its way to sockets, in three forms: finished WebSocket frames for almost everybody, encoded parts
 * for long polling and compressed connections, and the decoded packet for outgoing listeners. Each form is
 * made once, and only when somebody needs it.
 *
 * @internal
 */
export class WirePacket {
  private lazyParts: readonly EncodedPart[] | undefined;
  /** Null where the parser cannot read it. */
  private lazyPacket: SocketIoPacket | null | undefined;

  constructor(
    /** Finished WebSocket frames, back to back. */
    readonly frames: Buffer,
    readonly parser: PacketParser,
    known?: { parts: readonly EncodedPart[]; packet: SocketIoPacket },
  ) {
    this.lazyParts = known?.parts;
    this.lazyPacket = known?.packet;
  }

  get parts(): readonly EncodedPart[] {
    return (this.lazyParts ??= readFrames(this.frames));
  }

  /** The decoded packet, or undefined where the parser cannot read it. */
  get packet(): SocketIoPacket | undefined {
    if (this.lazyPacket === undefined) {
      this.lazyPacket = decodePacket(new this.parser.Decoder(), this.parts) ?? null;
    }
    return this.lazyPacket ?? undefined;
  }
}

function decodePacket(
  decoder: PacketDecoder,
  parts: readonly EncodedPart[],
): SocketIoPacket | undefined {
  let decoded: SocketIoPacket | undefined;
  decoder.on('decoded', (packet: SocketIoPacket) => {
    decoded = packet;
  });
  try {
    for (const part of parts) decoder.add(part);
  } catch {
    return undefined;
  }
  return Array.isArray(decoded?.data) ? decoded : undefined;
}
