import { randomBytes } from 'node:crypto';
import type { Socket } from 'socket.io';
import type { Session } from 'socket.io-adapter';
import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import { continueSession } from '../../auth/session-id.js';
import type { Reporter } from '../../reporting/reporter.js';
import {
  isReservedRoom,
  sessionRoom,
  sessionIn,
  userIn,
  userRoom,
} from '../../routing/reserved-rooms.js';
import { startOver, type KeptPacket } from '../internals.js';
import { after, guarded } from '../../reporting/timers.js';

/** A session, and the last packet of it that its client got. */
interface Claim {
  readonly session: Session;
  readonly offset: string;
}

interface Grant extends Claim {
  /** The rooms whose events the client gets. */
  readonly rooms: readonly string[];
}

/**
 * Socket.IO gives a client that comes back its rooms, its `data` and the events that it missed before any middleware
 * has run: whether its token has ended or it is somebody else by now. Here all that waits until the client is
 * authenticated as the user it was; as another one it is a new connection. What it missed is looked up when it is
 * connected, so that nothing is lost while it is let in.
 *
 * @internal
 */
export class ConnectionRecovery {
  /** By the `data` of a socket that Socket.IO is making. */
  private readonly restored = new WeakMap<object, Claim>();
  private readonly claims = new WeakMap<Socket, Claim>();
  private readonly granted = new WeakMap<Socket, Grant>();
  /** Sessions that wait for their clients, by their private ids: what lets go of their channels. */
  private readonly away = new Map<string, () => void>();
  private emitting: string | undefined;

  /** @param keepChannels keeps the channels of rooms subscribed until the function that comes back is called */
  constructor(
    private readonly keepChannels: (rooms: readonly string[]) => () => void,
    private readonly reporter: Reporter,
  ) {}

  /** A client was lost that may come back: what others send to its rooms meanwhile has to arrive here. */
  lost({ pid, rooms }: Session, maxDisconnectionMs: number): void {
    this.away.get(pid)?.();
    const release = this.keepChannels(rooms);
    const failed = this.reporter.failure('transport.failed', () => 'channels of a lost client');
    const letGo = guarded(failed, () => {
      clearTimeout(timer);
      this.away.delete(pid);
      release();
    });
    const timer = after(maxDisconnectionMs, failed, letGo).unref();
    this.away.set(pid, letGo);
  }

  /** The session as Socket.IO may have it at once. */
  claim(session: Session, offset: string): Session {
    const data: object = {};
    this.restored.set(data, { session, offset });
    return { ...session, data, rooms: [], missedPackets: [] };
  }

  /** Called for each new socket, before it is authenticated. */
  arriving(socket: Socket): void {
    const claim = this.restored.get(socket.data as object);
    if (claim !== undefined) this.claims.set(socket, claim);
    const rooms = claim?.session.rooms ?? [];
    const userId = userIn(rooms);
    const sessionId = sessionIn(rooms);
    if (userId !== undefined && sessionId !== undefined) continueSession(socket, userId, sessionId);
    this.watchEmits(socket);
  }

  /** Called once it is known whom a socket belongs to; returns the rooms that it has back. */
  authenticated(socket: Socket, identity: AuthenticatedIdentity | null): Set<string> {
    const claim = this.claims.get(socket);
    if (claim === undefined) return new Set();
    this.claims.delete(socket);
    if (!belongsTo(claim.session, identity)) {
      startOver(socket, randomBytes(15).toString('base64url'));
      return new Set();
    }
    const { rooms, data } = claim.session;
    // What `authenticate` has written is newer.
    socket.data = Object.assign(socket.data as object, { ...(data as object), ...socket.data });
    // In another session than before: what was for that one alone is not for this one.
    const current = identity && sessionRoom(identity.sessionId);
    const stillIn = rooms.filter((room) => sessionIn([room]) === undefined || room === current);
    this.granted.set(socket, { ...claim, rooms: stillIn });
    return new Set(rooms.filter((room) => !isReservedRoom(room)));
  }

  /** Called once a socket is connected, before the app can send anything to it. */
  connected(socket: Socket, kept: readonly KeptPacket[], send: (data: unknown[]) => void): void {
    const claim = this.granted.get(socket);
    if (claim === undefined) return;
    for (const data of missed(claim, kept)) send(data);
    this.away.get(claim.session.pid)?.();
  }

  /**
   * With recovery `socket.emit()` goes through the adapter, where it looks like a broadcast to the room of the
   * socket's id. It is none: the socket is here.
   */
  private watchEmits(socket: Socket): void {
    const watched = socket as unknown as { emit(...args: unknown[]): unknown };
    const emit = watched.emit.bind(socket);
    watched.emit = (...args) => {
      this.emitting = socket.id;
      try {
        return emit(...args);
      } finally {
        this.emitting = undefined;
      }
    };
  }

  /** Whether a packet for these rooms is one that a socket emits to its own client. */
  isDirect(rooms: ReadonlySet<string>): boolean {
    const { emitting } = this;
    this.emitting = undefined;
    return emitting !== undefined && rooms.size === 1 && rooms.has(emitting);
  }

  close(): void {
    for (const letGo of this.away.values()) letGo();
  }
}

/** What Socket.IO's own adapter counts as missed. */
function missed({ session, offset, rooms }: Grant, kept: readonly KeptPacket[]): unknown[][] {
  const last = kept.findIndex(({ id }) => id === offset);
  if (last === -1) return [];
  const isFor = ({ opts: { rooms: wanted, except, within } }: KeptPacket): boolean =>
    (wanted.size === 0 || rooms.some((room) => wanted.has(room))) &&
    (within === undefined || rooms.includes(within)) &&
    session.rooms.every((room) => except?.has(room) !== true);
  return kept.slice(last + 1).flatMap((packet) => (isFor(packet) ? [packet.data] : []));
}

/** The reserved rooms say whose session it was: nobody but us puts sockets into them. */
function belongsTo({ rooms }: Session, identity: AuthenticatedIdentity | null): boolean {
  return identity === null
    ? !rooms.some(isReservedRoom)
    : rooms.includes(userRoom(identity.userId));
}
