import type { PacketDecoder, PacketParser } from '../ports/packet-parser.js';
import { compressFrames, type Compression } from './compressed-frames.js';
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
 * A packet on its way to sockets: complete WebSocket frames for almost all connections, compressed frames for those with
 * `perMessageDeflate`, encoded parts for long polling and all others, and the decoded packet for outgoing listeners.
 * Each form is made once, when it is first needed.
 *
 * @internal
 */
export class WirePacket {
  private lazyFrames: Buffer | undefined;
  private lazyParts: readonly EncodedPart[] | undefined;
  private lazyCompressed: Map<Compression, Buffer | undefined> | undefined;
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

  /** Frames for connections with this compression; undefined if each has to compress for itself. */
  compressed(compression: Compression): Buffer | undefined {
    this.lazyCompressed ??= new Map();
    if (!this.lazyCompressed.has(compression)) {
      this.lazyCompressed.set(compression, compressFrames(this.frames, compression));
    }
    return this.lazyCompressed.get(compression);
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
