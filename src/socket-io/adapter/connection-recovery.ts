import { randomBytes } from 'node:crypto';
import type { Socket } from 'socket.io';
import type { Session } from 'socket.io-adapter';
import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import { continueSession } from '../../auth/session-id.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { Delivery } from '../../routing/local-namespace.js';
import {
  isReservedRoom,
  sessionRoom,
  sessionIn,
  userIn,
  userRoom,
} from '../../routing/reserved-rooms.js';
import type { SocketIoPacket } from '../../wire/wire-packet.js';
import { optionsOf, type KeptOptions } from '../delivery-options.js';
import { startOver, type KeptPacket } from '../internals.js';
import { after, guarded } from '../../reporting/timers.js';

/** A session, and the offset of the last packet that its client received. */
interface Claim {
  readonly session: Session;
  readonly offset: string;
}

interface Grant extends Claim {
  /** The rooms whose events the client gets. */
  readonly rooms: readonly string[];
}

/** @internal */
export interface ConnectionRecoveryDeps {
  /** The packets that Socket.IO's adapter keeps, oldest first. */
  readonly packets: () => readonly KeptPacket[];
  /** Makes Socket.IO's adapter keep a packet, with an offset as its last argument, and send it to `options.rooms`. */
  readonly store: (packet: SocketIoPacket, options: KeptOptions) => void;
  /** Keeps the channels of rooms subscribed until the returned function is called. */
  readonly keepChannels: (rooms: readonly string[]) => () => void;
  readonly reporter: Reporter;
}

/** A room without sockets. */
const NOWHERE: ReadonlySet<string> = new Set(['propagator#nobody']);

/**
 * Connection recovery for authenticated clients. Socket.IO gives a client that reconnects its rooms, its `data` and its
 * missed events before any middleware has run, even if the token has expired or the client is another user by now. Here
 * they wait until the client is authenticated as the same user; another user gets a new connection. The missed events
 * are looked up when the socket is connected, so that none is lost while it is admitted.
 *
 * @internal
 */
export class ConnectionRecovery {
  /** By the `data` of a socket that Socket.IO is creating. */
  private readonly restored = new WeakMap<object, Claim>();
  private readonly claims = new WeakMap<Socket, Claim>();
  private readonly granted = new WeakMap<Socket, Grant>();
  /** Functions that release the channels of sessions whose clients are away, by private session id. */
  private readonly away = new Map<string, () => void>();
  private emitting: string | undefined;

  constructor(private readonly deps: ConnectionRecoveryDeps) {}

  /** Called when a client that may reconnect is disconnected. Keeps the channels of its rooms, so that events arrive. */
  disconnected({ pid, rooms }: Session, maxDisconnectionMs: number): void {
    this.away.get(pid)?.();
    const { keepChannels, reporter } = this.deps;
    const releaseChannels = keepChannels(rooms);
    const failed = reporter.failure('transport.failed', () => 'channels of a disconnected client');
    const release = guarded(failed, () => {
      clearTimeout(timer);
      this.away.delete(pid);
      releaseChannels();
    });
    const timer = after(maxDisconnectionMs, failed, release).unref();
    this.away.set(pid, release);
  }

  /** Returns the session as Socket.IO may use it before the client is authenticated: without data, rooms and events. */
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

  /** Called once a socket is authenticated; returns the rooms that it gets back. */
  authenticated(socket: Socket, identity: AuthenticatedIdentity | null): Set<string> {
    const claim = this.claims.get(socket);
    if (claim === undefined) return new Set();
    this.claims.delete(socket);
    if (!belongsTo(claim.session, identity)) {
      startOver(socket, randomBytes(15).toString('base64url'));
      return new Set();
    }
    const { rooms, data } = claim.session;
    // Values that `authenticate` has written are newer.
    socket.data = Object.assign(socket.data as object, { ...(data as object), ...socket.data });
    // Events for another session than the current one are not for this client.
    const current = identity && sessionRoom(identity.sessionId);
    const stillIn = rooms.filter((room) => sessionIn([room]) === undefined || room === current);
    this.granted.set(socket, { ...claim, rooms: stillIn });
    return new Set(rooms.filter((room) => !isReservedRoom(room)));
  }

  /** Called once a socket is connected, before the app can send anything to it. */
  connected(socket: Socket, send: (data: unknown[]) => void): void {
    const claim = this.granted.get(socket);
    if (claim === undefined) return;
    for (const data of missed(claim, this.deps.packets())) send(data);
    this.away.get(claim.session.pid)?.();
  }

  /** Keeps an event for clients that reconnect. Returns its data with the offset; undefined if it is not kept. */
  keep(delivery: Delivery): unknown[] | undefined {
    const { packet } = delivery.packet;
    if (packet === undefined || delivery.volatile) return undefined;
    const options = optionsOf(delivery);
    const { rooms } = options;
    // Socket.IO's adapter knows no users, so it must not send the packet while it keeps it.
    const kept = Object.assign(options, { rooms: NOWHERE });
    this.deps.store({ ...packet, data: [...packet.data] }, kept);
    Object.assign(options, { rooms });
    const last = this.deps.packets().at(-1);
    return last?.opts === options ? last.data : undefined;
  }

  /**
   * With recovery, `socket.emit()` goes through the adapter, where it looks like a broadcast to the room of the socket's
   * id. It needs no other instance, because the socket is here.
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
    for (const release of this.away.values()) release();
  }
}

/** The data of the packets that a client missed, by the same rules as in Socket.IO's own adapter. */
function missed({ session, offset, rooms }: Grant, kept: readonly KeptPacket[]): unknown[][] {
  const last = kept.findIndex(({ id }) => id === offset);
  if (last === -1) return [];
  const isFor = ({ opts: { rooms: wanted, except, within } }: KeptPacket): boolean =>
    (wanted.size === 0 || rooms.some((room) => wanted.has(room))) &&
    (within === undefined || rooms.includes(within)) &&
    session.rooms.every((room) => except?.has(room) !== true);
  return kept.slice(last + 1).flatMap((packet) => (isFor(packet) ? [packet.data] : []));
}

/** Whether a session belongs to the same user: its reserved rooms, which only this library adds, name the user. */
function belongsTo({ rooms }: Session, identity: AuthenticatedIdentity | null): boolean {
  return identity === null
    ? !rooms.some(isReservedRoom)
    : rooms.includes(userRoom(identity.userId));
}
