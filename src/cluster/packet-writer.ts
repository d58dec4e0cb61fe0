import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { EncodedPart } from '../wire/frames.js';
import type { SocketIoPacket, WirePacket } from '../wire/wire-packet.js';
import type { EngineConnection } from './engine-connection.js';
import type { SlowClients } from './slow-clients.js';

/** How an event is to be sent, in Socket.IO's words. */
export interface SendFlags {
  /** Leave it out for clients that are not ready to receive. */
  readonly volatile: boolean;
  /** Compress it on connections with perMessageDeflate. */
  readonly compress: boolean;
}

interface WriteOptions extends SendFlags {
  readonly preEncoded: true;
  readonly wsPreEncodedFrame?: readonly Buffer[];
}

/** What Socket.IO's own adapters use of a socket, too. */
interface WritableSocket {
  readonly client: {
    readonly conn: {
      readonly protocol: number;
      readonly writeBuffer?: readonly unknown[];
      readonly transport: {
        readonly name: string;
        readonly writable: boolean;
        readonly perMessageDeflate?: unknown;
        readonly socket?: { readonly _sender?: { readonly sendFrame?: unknown } };
      };
      write(data: undefined, options: WriteOptions): void;
    };
    writeToEngine(parts: readonly EncodedPart[], options: WriteOptions): void;
  };
  readonly _anyOutgoingListeners?: readonly unknown[];
  notifyOutgoingListeners(packet: SocketIoPacket): void;
}

/**
 * Writes one packet to many sockets: the finished frame, as it is, to plain WebSocket connections, and the encoded
 * parts to all others (long polling, perMessageDeflate, Engine.IO 3, other WebSocket servers than `ws`).
 *
 * @internal
 */
export class PacketWriter {
  /** One object for all sockets, made for the first that needs it. */
  private framed: WriteOptions | undefined;
  private plain: WriteOptions | undefined;

  constructor(
    private readonly packet: WirePacket,
    private readonly flags: SendFlags,
    private readonly reporter: Reporter,
    private readonly slow?: SlowClients,
  ) {}

  write(to: Socket): void {
    const socket = to as unknown as WritableSocket;
    if ((socket._anyOutgoingListeners?.length ?? 0) > 0) this.notify(socket);
    const { client } = socket;
    const { conn } = client;
    const { volatile, compress } = this.flags;
    if (volatile && !conn.transport.writable) {
      this.reporter.count('volatile.dropped');
      return;
    }
    if (!takesFrames(conn)) {
      this.plain ??= { preEncoded: true, volatile, compress };
      client.writeToEngine(this.packet.parts, this.plain);
    } else {
      const wsPreEncodedFrame = [this.packet.frames];
      this.framed ??= { preEncoded: true, volatile, compress, wsPreEncodedFrame };
      // One write for all frames of the packet; without data, because the frame is what is sent.
      conn.write(undefined, this.framed);
    }
    // Nothing waits for most clients.
    if (conn.writeBuffer?.length) this.slow?.wrote(conn as unknown as EngineConnection);
  }

  /** A listener of the app that throws must not keep the event from the other sockets. */
  private notify(socket: WritableSocket): void {
    try {
      const { packet } = this.packet;
      if (packet !== undefined) socket.notifyOutgoingListeners(packet);
    } catch (error) {
      this.reporter.report('listener.failed', () => `onAnyOutgoing: ${reasonOf(error)}`);
    }
  }
}

function takesFrames({ protocol, transport }: WritableSocket['client']['conn']): boolean {
  return (
    transport.name === 'websocket' &&
    protocol === 4 &&
    !transport.perMessageDeflate &&
    typeof transport.socket?._sender?.sendFrame === 'function'
  );
}
