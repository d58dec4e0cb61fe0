import type { Socket } from 'socket.io';
import { reasonOf } from '../../errors.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { WirePacket } from '../../wire/wire-packet.js';
import type { ClientConnections } from './client-connections.js';
import {
  compressionOf,
  framed,
  isBackpressured,
  isWaiting,
  takesFrames,
  writeLatest,
  type EngineSocket,
  type FramedOptions,
  type WriteOptions,
} from '../engine-socket.js';
import type { SendFlags } from '../../routing/outgoing-event.js';
import { outgoingListenersOf } from '../internals.js';

const NO_DATA = [undefined];

/**
 * Writes one packet to many sockets: the finished frame to plain WebSocket connections, the frame that was compressed once
 * to those with `perMessageDeflate`, and the encoded parts to all others (long polling, compression that refers to earlier
 * messages, Engine.IO 3, other WebSocket servers than `ws`).
 *
 * @internal
 */
export class PacketWriter {
  /** One object for all sockets, created for the first socket that needs it. */
  private framed: FramedOptions | undefined;
  private plain: WriteOptions | undefined;
  /** The number of sockets that the packet was written to, volatile events that were dropped included. */
  sockets = 0;

  constructor(
    private readonly packet: WirePacket,
    private readonly flags: SendFlags & {
      /** Replaces a waiting packet of the connection with the same key. */
      readonly latestOnly?: string | undefined;
    },
    private readonly reporter: Reporter,
    private readonly connections: Pick<ClientConnections, 'slow' | 'coalescer'>,
  ) {}

  /** @param socket undefined for one that is being admitted: it does nothing */
  write(socket: Socket | undefined): void {
    if (socket === undefined) return;
    this.sockets++;
    const listeners = outgoingListenersOf(socket);
    if (listeners !== undefined) this.notify(socket, listeners);
    const conn = socket.client.conn as unknown as EngineSocket;
    const { volatile, latestOnly } = this.flags;
    const { coalescer, slow } = this.connections;
    // As in Socket.IO, a connection is not ready until the last packet of this turn has been written.
    if (volatile && (isBackpressured(conn) || coalescer?.holds(conn) === true)) {
      this.reporter.count('volatile.dropped');
      return;
    }
    if (latestOnly !== undefined && isWaiting(conn)) {
      coalescer?.writeNow(conn);
      this.writeLatest(conn, latestOnly);
    } else if (coalescer !== undefined && (takesFrames(conn) || this.isShared(conn))) {
      coalescer.add(conn, this.packet);
      return;
    } else if (takesFrames(conn)) {
      conn.write(undefined, (this.framed ??= framed(this.packet.frames)));
    } else {
      this.plain ??= { compress: this.flags.compress };
      for (const part of this.packet.parts) conn.write(part, this.plain);
    }
    // Most clients have no waiting packets.
    if (conn.writeBuffer?.length) slow.wrote(conn);
  }

  /** Whether a connection with compression takes frames that were compressed once for all. */
  private isShared(conn: EngineSocket): boolean {
    return this.flags.compress && compressionOf(conn) !== undefined;
  }

  private writeLatest(conn: EngineSocket, key: string): void {
    const { packet } = this;
    const isFramed = takesFrames(conn);
    const options = isFramed
      ? (this.framed ??= framed(packet.frames))
      : (this.plain ??= { compress: this.flags.compress });
    // In place of the data Engine.IO sends the frames.
    const parts = isFramed ? NO_DATA : packet.parts;
    if (writeLatest(conn, key, parts, options)) this.reporter.count('event.replaced');
  }

  /** A listener of the app that throws must not keep the event from the other sockets. */
  private notify(
    socket: Socket,
    listeners: Exclude<ReturnType<typeof outgoingListenersOf>, undefined>,
  ): void {
    const { packet } = this.packet;
    if (packet === undefined) return;
    try {
      for (const listener of listeners) listener.apply(socket, packet.data);
    } catch (error) {
      this.reporter.report('listener.failed', () => `onAnyOutgoing: ${reasonOf(error)}`);
    }
  }
}
