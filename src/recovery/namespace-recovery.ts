import type { Socket } from 'socket.io';
import type { Session as SocketIoSession } from 'socket.io-adapter';
import { continueSession } from '../auth/session-id.js';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import { lenientNow } from '../reporting/lenient-now.js';
import type { Delivery } from '../routing/local-namespace.js';
import {
  isReservedRoom,
  roomsOfIdentity,
  sessionIn,
  userIn,
  userRoom,
} from '../routing/reserved-rooms.js';
import { isSelected, type SocketSelector } from '../routing/socket-selector.js';
import { hardClose, type EngineSocket } from '../socket-io/engine-socket.js';
import { pidOf, rename, startOver } from '../socket-io/internals.js';
import { isLonger } from '../wire/channel-names.js';
import type { InstanceId } from '../wire/envelope.js';
import { setOwn } from '../wire/sendable.js';
import type { Found, HeldSession } from './hand-over.js';
import type { LeftSessions } from './left-sessions.js';
import { OFFSET_LENGTH } from '../wire/offset.js';
import {
  IncomingSessions,
  type IncomingSessionsDeps,
  type HoldChannels,
  type RoomLimits,
} from './incoming-sessions.js';
import type { RecoveryFailure } from './recovery-counts.js';
import type { RoomChange } from './room-changes.js';
import { keyOf, Session, type KnownEvents, type MissedEvent } from './session.js';
import type { SessionScope } from './sessions.js';

type Selection = Omit<SocketSelector, 'namespace'>;

/** How often a session may move while its client is being admitted: instances may end one after the other. */
const MAX_MOVES = 3;

/** A reason after which Socket.IO keeps the session. */
const REASON = 'transport close';

/** The namespace of a server, as connection recovery sees it. @internal */
export interface RecoveringNamespace {
  readonly name: string;
  /** Whether a parser of the app encodes the events of the namespace. */
  readonly custom: boolean;
  readonly limits: RoomLimits;
  readonly holdChannels: HoldChannels;
  /** The rooms of a socket, with those of its user and session. */
  roomsOf(socketId: string): Iterable<string>;
  /** A socket that is being admitted has another id now. */
  renamed(socket: Socket, before: string): void;
  /** A socket that is being admitted gives its id to another one. */
  forget(socket: Socket): void;
  /** Called when the last session has ended. */
  vacated(): void;
}

type NamespaceRecoveryDeps = Omit<IncomingSessionsDeps, 'namespace' | 'holdChannels' | 'has'> & {
  /** The sessions of instances that have ended; undefined without the option `recovery.persist`. */
  readonly left: Pick<LeftSessions, 'take'> | undefined;
};

/** A client that came back, before it is authenticated. */
interface Claim {
  readonly pid: string;
  readonly offset: string;
  /** Undefined: this instance. */
  readonly holder: InstanceId | undefined;
  readonly sid: string;
  readonly rooms: readonly string[];
  /** When it came back, in monotonic time (`performance.now()`). */
  readonly since: number;
}

/** A socket with a session, until it is connected. */
interface Grant {
  readonly session: Session;
  readonly claim: Claim;
  /** The rooms of its user and session. */
  readonly current: ReadonlySet<string>;
  /** The events that were read while the session was looked at. */
  readonly known: KnownEvents;
  /** The rooms that it has joined or left since. They count once it is connected: it may be refused, or leave. */
  readonly changes: RoomChange[];
}

/**
 * Connection recovery in one namespace of one server. Socket.IO asks for a session before the client is authenticated, and
 * gets one without id, rooms, data and events. Those follow once the client is authenticated as the same user, and only if
 * all that it missed is known: until then its connection can become a new one.
 *
 * @internal
 */
export class NamespaceRecovery implements SessionScope {
  /** Claims by the `data` of a socket that Socket.IO is creating. */
  private readonly found = new WeakMap<object, Claim>();
  private readonly claims = new WeakMap<Socket, Claim>();
  private readonly grants = new WeakMap<Socket, Grant>();
  /** Sockets with a session that are being admitted, by their private ids. */
  private readonly takers = new Map<string, Socket>();
  /** Sessions by the ids of their sockets. */
  private readonly sessions = new Map<string, Session>();
  /** The rooms of clients that are away or on their way here, and their number. */
  private readonly held = new Map<string, number>();
  private readonly incoming: IncomingSessions;

  constructor(
    private readonly scope: number,
    private readonly namespace: RecoveringNamespace,
    private readonly deps: NamespaceRecoveryDeps,
  ) {
    this.incoming = new IncomingSessions(scope, {
      ...deps,
      namespace,
      holdChannels: (rooms) => this.hold(rooms),
      has: (socketId) => this.sessions.has(socketId),
    });
  }

  get name(): string {
    return this.namespace.name;
  }

  get custom(): boolean {
    return this.namespace.custom;
  }

  get isEmpty(): boolean {
    return this.sessions.size + this.incoming.count === 0;
  }

  roomsOf(socketId: string): Iterable<string> {
    return this.namespace.roomsOf(socketId);
  }

  /** Finds the session of a client that comes back; null if the client gets a new connection. */
  async find(pid: string, offset: string): Promise<SocketIoSession | null> {
    const { sessions } = this.deps;
    const since = performance.now();
    // The client writes all of this, and is not authenticated yet. A question to other instances is for many clients.
    const isKnown = sessions.isPid(pid) && !isLonger(this.name, this.namespace.limits.nameBytes);
    if (!isKnown || offset.length > OFFSET_LENGTH) {
      this.failed(isKnown ? 'not-proven' : 'unknown-session', since);
      return null;
    }
    const found = await this.locateOrResume(pid);
    if (typeof found === 'string') {
      this.failed(found, since);
      return null;
    }
    const data: object = {};
    this.found.set(data, { holder: undefined, ...found, pid, offset, since });
    // The socket gets its id back with its session.
    return { sid: sessions.newSid(), pid, rooms: [], data, missedPackets: [] };
  }

  private locate(pid: string): Promise<HeldSession | Found | RecoveryFailure> {
    const { sessions, handOver } = this.deps;
    return handOver.find(this.name, pid, sessions.homeOf(pid));
  }

  /** As {@link locate}, also where no living instance has the session. It is here then, like that of a client that is away. */
  private async locateOrResume(pid: string): Promise<HeldSession | Found | RecoveryFailure> {
    const found = await this.locate(pid);
    const { sessions, left } = this.deps;
    const { underway } = sessions;
    if (typeof found !== 'string' || left === undefined || underway.has(pid)) return found;
    const entry = { namespace: this.name, rooms: undefined };
    underway.set(pid, entry);
    const taken = await left.take(pid);
    const isRevoked = underway.get(pid) !== entry;
    underway.delete(pid);
    if (taken?.namespace !== this.name) return found;
    if (isRevoked) return 'unknown-session';
    const session = await this.receive(this.incoming.resume(taken));
    return typeof session === 'string' ? session : { sid: session.sid, rooms: [...session.rooms] };
  }

  /** Called for each new socket, before it is authenticated. */
  arrived(socket: Socket): void {
    const data = socket.data as object;
    const claim = this.found.get(data);
    if (claim === undefined) {
      startOver(socket, this.deps.sessions.newPid());
      return;
    }
    this.found.delete(data);
    this.claims.set(socket, claim);
    const userId = userIn(claim.rooms);
    const sessionId = sessionIn(claim.rooms);
    if (userId !== undefined && sessionId !== undefined) continueSession(socket, userId, sessionId);
  }

  /** Called once a socket is authenticated. Resolves when it has its session, or is a new connection. */
  async take(socket: Socket, identity: AuthenticatedIdentity | null): Promise<void> {
    const claim = this.claims.get(socket);
    if (claim === undefined) return;
    this.claims.delete(socket);
    const current = new Set(identity === null ? [] : roomsOfIdentity(identity));
    const known: KnownEvents = new Map();
    let session = belongsTo(claim.rooms, identity)
      ? await this.sessionFor(socket, claim, current, known)
      : 'other-user';
    for (let moves = 0; moves < MAX_MOVES && session === 'unknown-session'; moves++) {
      if (!isOpen(socket)) break;
      // The session may have moved since it was found.
      const found = await this.locate(claim.pid);
      if (typeof found === 'string') {
        session = found;
        break;
      }
      const moved = { ...claim, holder: undefined, ...found };
      session = await this.sessionFor(socket, moved, current, known);
    }
    // The session may have made room for another one a moment ago.
    if (typeof session !== 'string' && !this.deps.sessions.has(session))
      session = 'unknown-session';
    if (typeof session === 'string') {
      startOver(socket, this.deps.sessions.newPid());
      // A client that has left meanwhile comes once more.
      if (isOpen(socket)) this.failed(session, claim.since);
      return;
    }
    this.takers.set(session.pid, socket);
    this.grants.set(socket, { session, claim, current, known, changes: [] });
    this.rename(socket, session.sid);
    addTo(socket.data as object, session.data ?? {});
  }

  /** The rooms that a socket has back. */
  roomsFor(socket: Socket): Set<string> {
    return new Set(this.grants.get(socket)?.session.ownRooms);
  }

  /**
   * Called once a socket is connected, before the app can send anything to it.
   *
   * @param issued when it came, in ms since 1970
   */
  connected(socket: Socket, issued: number, write: (event: MissedEvent) => void): void {
    const grant = this.grants.get(socket);
    if (grant === undefined) {
      this.begin(socket, issued);
      return;
    }
    this.grants.delete(socket);
    const { sessions } = this.deps;
    const { session, claim, current, known, changes } = grant;
    const isIts = sessions.has(session) && this.takers.get(session.pid) === socket;
    if (isIts) for (const change of changes) session.changedAway(change, sessions.ring);
    const missed = isIts
      ? session.missed(sessions.ring, { offset: claim.offset }, sessions.gapAt, current, known)
      : 'unknown-session';
    if (typeof missed === 'string') {
      // Events left the ring while the socket was being admitted. The client comes back once more, for a new connection.
      this.failed(missed, claim.since);
      if (isIts) sessions.end(session);
      endConnection(socket);
      return;
    }
    this.takers.delete(session.pid);
    session.taken = false;
    session.socket = socket;
    sessions.endAway(session);
    for (const event of missed.events) write(event);
    sessions.counts.succeeded(
      missed.events.length,
      claim.holder !== undefined,
      this.name,
      claim.since,
    );
  }

  /** When a client connected to this instance, or came here from another one, in ms since 1970. */
  issuedAt(socketId: string): number | undefined {
    return this.sessions.get(socketId)?.issued;
  }

  /** Whether a socket was in a room, in which it is now, at a moment, in ms since 1970: as far as its session knows. */
  wasIn(socketId: string, room: string, moment: number): boolean {
    return this.sessions.get(socketId)?.wasInBy(room, moment, true) ?? true;
  }

  /**
   * Keeps an event for clients that come back. Returns the ids of sockets that have it already, because they brought it from
   * another instance.
   *
   * @param isNobodyHere whether it is for one room, without a socket
   */
  keep(delivery: Delivery, isNobodyHere: boolean): ReadonlySet<string> | undefined {
    const { offset, rooms } = delivery;
    if (offset === undefined || this.isEmpty) return undefined;
    if (isNobodyHere && !this.held.has(rooms[0] ?? '')) return undefined;
    this.deps.sessions.ring.add(this.scope, offset, delivery);
    return this.incoming.having(() => keyOf(offset.text, rooms));
  }

  joined(socketId: string, rooms: Iterable<string>): void {
    for (const room of rooms) this.changed(socketId, room, true);
  }

  left(socketId: string, room: string): void {
    this.changed(socketId, room, false);
  }

  /** Called when a client that may come back is disconnected. */
  disconnected({ pid, sid, rooms, data }: Omit<SocketIoSession, 'missedPackets'>): void {
    const session = this.deps.sessions.get(pid);
    if (session === undefined || session.sid !== sid) return;
    session.socket = undefined;
    session.rooms = new Set(rooms);
    session.data = data;
    session.awaySince = performance.now();
    this.deps.sessions.keepAway(session, this.hold(rooms).release);
  }

  /** Takes clients that are away out of rooms: they do not get them back. */
  leaveAway(selector: Selection, rooms: readonly string[]): void {
    const { ring } = this.deps.sessions;
    const own = rooms.filter((room) => !isReservedRoom(room));
    for (const session of this.awayOf(selector)) {
      for (const room of own) {
        session.changedAway(
          { room, joined: false, position: ring.position, at: lenientNow() },
          ring,
        );
      }
    }
  }

  /** Ends the sessions of clients that are away. */
  endAway(selector: Selection): void {
    for (const session of this.awayOf(selector)) this.deps.sessions.end(session);
  }

  private awayOf(selection: Selection): Session[] {
    return [...this.sessions.values()].filter(
      ({ socket, rooms, sid }) =>
        socket === undefined && isSelected(selection, (room) => rooms.has(room) || room === sid),
    );
  }

  /** Called when a socket has left the namespace, or was refused. */
  removed(socket: Socket): void {
    const session = this.deps.sessions.get(pidOf(socket) ?? '');
    if (session === undefined) return;
    if (session.socket === socket) this.deps.sessions.end(session);
    if (this.takers.get(session.pid) !== socket) return;
    // The client left while it was being admitted, and may come back once more.
    this.takers.delete(session.pid);
    this.grants.delete(socket);
    session.taken = false;
  }

  isFree({ pid, taken }: Session): boolean {
    const taker = this.takers.get(pid);
    return taker === undefined ? !taken : !isOpen(taker);
  }

  claim(session: Session): boolean {
    if (!this.isFree(session)) return false;
    if (session.revoked) {
      this.deps.sessions.end(session);
      return false;
    }
    const { socket, pid } = session;
    const taker = this.takers.get(pid);
    if (taker !== undefined) {
      // The client left while it was being admitted, and Socket.IO has not noticed. What it cleans up is not the session.
      this.takers.delete(pid);
      this.grants.delete(taker);
      this.namespace.forget(taker);
      this.rename(taker, this.deps.sessions.newSid());
    }
    // The connection is only half open: the client has another one.
    if (socket !== undefined) endConnection(socket);
    if (session.socket !== undefined || !this.deps.sessions.has(session)) return false;
    session.taken = true;
    return true;
  }

  async adopt(pid: string, from: InstanceId): Promise<boolean> {
    for (;;) {
      // Waits for a client that is bringing the session here: the other instance must not end before.
      const found = await this.locate(pid);
      if (typeof found === 'string' || !('holder' in found) || found.holder !== from) return false;
      if (this.deps.sessions.underway.has(pid)) continue;
      const client = { pid, offset: undefined, current: undefined };
      const session = await this.receive(this.incoming.bring({ ...found, ...client }));
      return typeof session !== 'string';
    }
  }

  ended(session: Session): void {
    if (this.sessions.get(session.sid) === session) this.sessions.delete(session.sid);
    this.takers.delete(session.pid);
    if (this.isEmpty) this.namespace.vacated();
  }

  sweep(now: number): void {
    this.incoming.sweep(now);
  }

  close(): void {
    this.deps.sessions.closeScope(this.scope);
  }

  /** Keeps the channels of rooms, and their events. */
  private hold(rooms: readonly string[]): ReturnType<HoldChannels> {
    const { held } = this;
    const { ready, release } = this.namespace.holdChannels(rooms);
    for (const room of rooms) held.set(room, (held.get(room) ?? 0) + 1);
    return {
      ready,
      release: () => {
        for (const room of rooms) {
          const left = (held.get(room) ?? 1) - 1;
          if (left > 0) held.set(room, left);
          else held.delete(room);
        }
        release();
      },
    };
  }

  private async sessionFor(
    socket: Socket,
    claim: Claim,
    current: ReadonlySet<string>,
    known: KnownEvents,
  ): Promise<Session | RecoveryFailure> {
    const { sessions } = this.deps;
    const here = sessions.get(claim.pid);
    // The session of another server of this instance, or of a dynamic namespace that was closed meanwhile, moves like any other.
    const holder = here === undefined ? claim.holder : sessions.instanceId;
    if (holder === undefined || !isOpen(socket)) return 'unknown-session';
    if (here?.scope !== this.scope) {
      const session = await this.receive(this.incoming.bring({ ...claim, holder, current }));
      if (typeof session !== 'string') session.taken = true;
      return session;
    }
    if (!this.claim(here)) return 'unknown-session';
    const { offset } = claim;
    const missed = here.missed(sessions.ring, { offset }, sessions.gapAt, current, known);
    if (typeof missed !== 'string') return here;
    sessions.end(here);
    return missed;
  }

  private async receive(
    incoming: Promise<Session | RecoveryFailure>,
  ): Promise<Session | RecoveryFailure> {
    const session = await incoming;
    const isHere = typeof session !== 'string' && this.deps.sessions.has(session);
    if (isHere) this.sessions.set(session.sid, session);
    else if (this.isEmpty) this.namespace.vacated();
    return session;
  }

  /** A new connection is connected. */
  private begin(socket: Socket, issued: number): void {
    const pid = pidOf(socket);
    if (pid === undefined) return;
    const { sessions } = this.deps;
    const { offset } = (socket.handshake.auth ?? {}) as { offset?: unknown };
    const session = new Session({
      pid,
      sid: socket.id,
      namespace: this.name,
      scope: this.scope,
      since: sessions.ring.position,
      base: typeof offset === 'string' && offset.length <= OFFSET_LENGTH ? offset : '',
      issued,
    });
    session.socket = socket;
    session.rooms = new Set(this.roomsOf(socket.id));
    sessions.add(session);
    this.sessions.set(socket.id, session);
  }

  private changed(socketId: string, room: string, joined: boolean): void {
    const session = this.sessions.get(socketId);
    if (session === undefined || room === socketId) return;
    const { ring } = this.deps.sessions;
    const change = { room, joined, position: ring.position, at: lenientNow() };
    if (session.socket !== undefined) {
      session.changed(change, ring);
      return;
    }
    // The rooms of a client that is away do not change.
    const taker = this.takers.get(session.pid);
    if (taker !== undefined) this.grants.get(taker)?.changes.push(change);
  }

  private rename(socket: Socket, id: string): void {
    const before = socket.id;
    rename(socket, id);
    this.namespace.renamed(socket, before);
  }

  private failed(reason: RecoveryFailure, since: number): void {
    this.deps.sessions.counts.failed(reason, this.name, since);
  }
}

function isOpen({ client }: Socket): boolean {
  return client.conn.readyState === 'open';
}

/** Adds values of before. Those that `authenticate` has written are newer. */
function addTo(data: object, before: object): void {
  for (const [key, value] of Object.entries(before)) {
    // A client may have named a property `__proto__`.
    if (!Object.hasOwn(data, key)) setOwn(data, key, value);
  }
}

/** Ends a connection at once: its client has another one, or has to begin again. */
function endConnection({ client }: Socket): void {
  hardClose(client.conn as unknown as EngineSocket, REASON);
}

/** Whether a session belongs to the same user: its reserved rooms, which only this library adds, name the user. */
function belongsTo(rooms: readonly string[], identity: AuthenticatedIdentity | null): boolean {
  return identity === null
    ? !rooms.some(isReservedRoom)
    : rooms.includes(userRoom(identity.userId));
}
