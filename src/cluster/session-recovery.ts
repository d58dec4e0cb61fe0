import { randomBytes } from 'node:crypto';
import type { Socket } from 'socket.io';
import type { Session } from 'socket.io-adapter';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import { EVENT_PACKET, type SocketIoPacket } from '../wire/wire-packet.js';
import { isReservedRoom, userRoom } from './reserved-rooms.js';

/** What Socket.IO keeps to itself. */
interface RecoveredSocket {
  recovered: boolean;
  pid: string;
  packet(packet: Pick<SocketIoPacket, 'type' | 'data'>): void;
}

/**
 * Socket.IO gives a client that comes back its rooms, its `data` and the events that it missed before any middleware
 * has run: whether its token has ended or it is somebody else by now. Here all that waits until the client is
 * authenticated as the user it was; as another one it is a new connection.
 *
 * @internal
 */
export class SessionRecovery {
  /** By the `data` of the socket to be. */
  private readonly held = new WeakMap<object, Session>();
  private readonly missed = new WeakMap<Socket, unknown[][]>();

  /** The session as Socket.IO may have it at once. */
  hold(session: Session): Session {
    const data: object = { ...(session.data as object) };
    this.held.set(data, session);
    return { ...session, data, rooms: [], missedPackets: [] };
  }

  /** Called once it is known whom a socket belongs to; returns the rooms that it has back. */
  authenticated(socket: Socket, identity: AuthenticatedIdentity | null): Set<string> {
    const session = this.held.get(socket.data as object);
    if (session === undefined) return new Set();
    if (!belongsTo(session, identity)) {
      startAnew(socket, identity);
      return new Set();
    }
    this.missed.set(socket, session.missedPackets);
    return new Set(session.rooms.filter((room) => !isReservedRoom(room)));
  }

  /** Called once a socket is connected, before anything else is sent to it. */
  connected(socket: Socket): void {
    for (const data of this.missed.get(socket) ?? []) {
      (socket as unknown as RecoveredSocket).packet({ type: EVENT_PACKET, data });
    }
    this.missed.delete(socket);
  }
}

/** The reserved rooms say whose session it was: nobody but us puts sockets into them. */
function belongsTo({ rooms }: Session, identity: AuthenticatedIdentity | null): boolean {
  return identity === null
    ? !rooms.some(isReservedRoom)
    : rooms.includes(userRoom(identity.userId));
}

function startAnew(socket: Socket, identity: AuthenticatedIdentity | null): void {
  const recovered = socket as unknown as RecoveredSocket;
  recovered.recovered = false;
  // The client takes a session for recovered when it has the id that it asked for.
  recovered.pid = randomBytes(15).toString('base64url');
  socket.data = identity === null ? {} : { userId: identity.userId };
}
