import type { PacketDecoder, PacketParser } from '../ports/packet-parser.js';
import { readFrames, type EncodedPart } from './frames.js';

/** A Socket.IO packet, as its parsers accept and return it. @internal */
export interface SocketIoPacket {
  type: number;
  nsp: string;
  data: unknown[];
  id?: number;
}

/** `EVENT` of the Socket.IO protocol. @internal */
export const EVENT_PACKET = 2;

/**
 * A packet on its way to sockets, in three forms: complete WebSocket frames for almost all connections, encoded
 * parts for long polling and compressed connections, and the decoded packet for outgoing listeners. Each form is
 * made once, when it is first needed.
 *
 * @internal
 */
export class WirePacket {
  private lazyFrames: Buffer | undefined;
  private lazyParts: readonly EncodedPart[] | undefined;
  /** Null if the parser cannot read it. */
  private lazyPacket: SocketIoPacket | null | undefined;

  constructor(
    private readonly framed: { readonly frames: Buffer },
    readonly parser: PacketParser,
    known?: { parts: readonly EncodedPart[]; packet: SocketIoPacket },
  ) {
    this.lazyParts = known?.parts;
    this.lazyPacket = known?.packet;
  }

  /** Complete WebSocket frames, back to back. */
  get frames(): Buffer {
    return (this.lazyFrames ??= this.framed.frames);
  }

  get parts(): readonly EncodedPart[] {
    return (this.lazyParts ??= readFrames(this.frames));
  }

  /** The decoded packet, or undefined if the parser cannot read it. */
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
