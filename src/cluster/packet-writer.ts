import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { EncodedPart } from '../wire/frames.js';
import type { SocketIoPacket, WirePacket } from '../wire/wire-packet.js';
import type { ClientConnections } from './client-connections.js';
import type { EngineConnection } from './engine-connection.js';
import {
  framed,
  isBehind,
  takesFrames,
  type FrameConnection,
  type FramedOptions,
  type WriteOptions,
} from './frame-connection.js';

/** How an event is to be sent, in Socket.IO's words. */
export interface SendFlags {
  /** Leave it out for clients that are not ready to receive. */
  readonly volatile: boolean;
  /** Compress it on connections with perMessageDeflate. */
  readonly compress: boolean;
}

/** What Socket.IO's own adapters use of a socket, too. */
interface WritableSocket {
  readonly client: {
    readonly conn: FrameConnection;
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
  private framed: FramedOptions | undefined;
  private plain: WriteOptions | undefined;

  constructor(
    private readonly packet: WirePacket,
    private readonly flags: SendFlags,
    private readonly reporter: Reporter,
    private readonly connections: Pick<ClientConnections, 'slow' | 'batches'>,
  ) {}

  write(to: Socket): void {
    const socket = to as unknown as WritableSocket;
    if ((socket._anyOutgoingListeners?.length ?? 0) > 0) this.notify(socket);
    const { client } = socket;
    const { conn } = client;
    const { volatile, compress } = this.flags;
    if (volatile && isBehind(conn)) {
      this.reporter.count('volatile.dropped');
      return;
    }
    const { batches, slow } = this.connections;
    if (!takesFrames(conn)) {
      this.plain ??= { preEncoded: true, volatile, compress };
      client.writeToEngine(this.packet.parts, this.plain);
    } else if (batches !== undefined) {
      batches.add(conn, this.packet);
      return;
    } else {
      conn.write(undefined, (this.framed ??= framed(this.packet.frames)));
    }
    // Nothing waits for most clients.
    if (conn.writeBuffer?.length) slow.wrote(conn as unknown as EngineConnection);
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
