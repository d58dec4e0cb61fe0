import type { Socket } from 'socket.io';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { PacketEncoder, PacketParser } from '../ports/packet-parser.js';
import type { EventOffset } from '../wire/offset.js';
import type { WirePacket } from '../wire/wire-packet.js';
import type { EventToAcknowledge, SocketSelector } from './socket-selector.js';
import type { SendFlags } from './outgoing-event.js';

/** An event for sockets of this instance. @internal */
export interface Delivery extends SendFlags {
  readonly packet: WirePacket;
  /** Rooms whose sockets get it; empty: all sockets of the namespace. */
  readonly rooms: readonly string[];
  /** Rooms whose sockets do not get it. */
  readonly except: readonly string[];
  /** Only sockets that are also in this room get it. */
  readonly within?: string | undefined;
  /**
   * The moment at which a late event was sent, in ms since 1970. Only sockets that had connected and were in the room by then get
   * the event. Others may have received it on another instance, or were not to see it. Sockets whose session was recovered count
   * as connected all the time.
   */
  readonly asOf?: number | undefined;
  /** The last argument of the event, with connection recovery. */
  readonly offset?: EventOffset | undefined;
  /** Replaces an event with the same key that waits for a socket. */
  readonly latestOnly?: string | undefined;
}

/** The parser of a server: Socket.IO's own, or one of the app. @internal */
export interface PacketCodec {
  readonly parser: PacketParser;
  readonly encoder: PacketEncoder;
  readonly custom: boolean;
}

/** One namespace of one Socket.IO server of this instance, as the router sees it. @internal */
export interface LocalNamespace {
  readonly name: string;
  readonly codec: PacketCodec;
  /** Connected sockets. */
  readonly socketCount: number;
  /** Returns the number of sockets that the event was written to. */
  deliver(delivery: Delivery): number;
  /** Connected sockets. */
  select(selector: SocketSelector): Socket[];
  /** Like {@link select}, with sockets that are still being admitted. */
  selectWithArriving(selector: SocketSelector): Socket[];
  /** With connection recovery: takes the selected clients that are away out of rooms, or ends their sessions. */
  leaveAway(selector: SocketSelector, rooms: readonly string[]): void;
  endAway(selector: SocketSelector): void;
  /** The identity that a socket was admitted with. */
  identityOf(socketId: string): AuthenticatedIdentity | undefined;
  roomNames(): string[];
  /** Sends an event with an acknowledgement; `done` resolves once all sockets have answered, or at the deadline. */
  ask(
    event: EventToAcknowledge,
    onAnswer: (socketId: string, answer: unknown) => void,
  ): { socketIds: string[]; done: Promise<void> };
  /** Calls the listeners of `serverSideEmit`. They may throw. */
  onServerSideEmit(args: unknown[]): void;
}
