import type { Socket } from 'socket.io';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { PacketEncoder, PacketParser } from '../ports/packet-parser.js';
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
  /** Only sockets that are in this room, too, get it. */
  readonly within?: string | undefined;
}

/** How the sockets of a server speak: Socket.IO's own parser, or one of the app's. @internal */
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
  /** Returns how many sockets it was written to. */
  deliver(delivery: Delivery): number;
  /** Connected sockets. */
  select(selector: SocketSelector): Socket[];
  /** The same, and those that are still being let in. */
  selectWithArriving(selector: SocketSelector): Socket[];
  /** Whom a socket was let in as. */
  identityOf(socketId: string): AuthenticatedIdentity | undefined;
  roomNames(): string[];
  /** Sends an event with an acknowledgement; `done` resolves once all have answered or the time is up. */
  ask(
    event: EventToAcknowledge,
    onAnswer: (socketId: string, answer: unknown) => void,
  ): { socketIds: string[]; done: Promise<void> };
  /** Calls the listeners of `serverSideEmit`. They may throw. */
  onServerSideEmit(args: unknown[]): void;
}
