import type { Namespace, Socket } from 'socket.io';
import { shown } from '../../options/checks.js';
import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import type { ResolvedClientLimits } from '../../options/resolve-limits.js';
import { lenientNow } from '../../reporting/lenient-now.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { Delivery, LocalNamespace, PacketCodec } from '../../routing/local-namespace.js';
import { isReservedRoom } from '../../routing/reserved-rooms.js';
import { invalidRoom, roomName } from '../../routing/room-names.js';
import type { EventToAcknowledge, SocketSelector } from '../../routing/socket-selector.js';
import { isLonger } from '../../wire/channel-names.js';
import { WirePacket } from '../../wire/wire-packet.js';
import type { ClientConnections } from '../connections/client-connections.js';
import { PacketWriter } from '../connections/packet-writer.js';
import { callServerSide, nextAckId } from '../internals.js';
import { abandonAcks, collectAcks } from './ack-collector.js';
import type { NamespaceRecovery } from '../../recovery/namespace-recovery.js';
import { IdentityRooms, type Members } from './identity-rooms.js';
import type { RecentJoins } from './recent-joins.js';
import type { RoomChannels } from './room-channels.js';
import { forEachSocket } from './room-members.js';

/** The in-memory adapter of Socket.IO, without the checks of this library. @internal */
export interface InMemoryRooms {
  /** The ids of the sockets in each room. */
  readonly rooms: ReadonlyMap<string, ReadonlySet<string>>;
  /** The rooms of each socket, by the socket's id. */
  readonly sids: ReadonlyMap<string, ReadonlySet<string>>;
  /** Puts a socket into rooms. */
  enter(id: string, rooms: Set<string>): void;
  /** Takes a socket out of a room. */
  exit(id: string, room: string): void;
  exitAll(id: string): void;
}

/** @internal */
export interface NamespaceEndpointDeps {
  readonly namespace: Namespace;
  /** Encodes events for the clients of this namespace. */
  readonly codec: PacketCodec;
  readonly memory: InMemoryRooms;
  /** The channels of the namespace and of the rooms that have a socket here. */
  readonly channels: RoomChannels;
  /** Present with connection state recovery only. */
  readonly recovery?: NamespaceRecovery | undefined;
  /** Called for each new socket, before the app has it. */
  readonly onArriving?: (socket: Socket) => void;
  readonly joins: RecentJoins;
  readonly reporter: Reporter;
  /** How many rooms a socket may join, and how long their names may be. */
  readonly limits: Pick<ResolvedClientLimits, 'roomsPerSocket' | 'nameBytes'>;
  /** Slow clients and the writes of one tick. */
  readonly connections: Pick<ClientConnections, 'slow' | 'coalescer'>;
  /** Called when a socket leaves the namespace, or is refused; before its `disconnect` event. */
  readonly onLeft: (socket: Socket, identity: AuthenticatedIdentity | undefined) => void;
}

/** How many rooms one log line names. A client may ask for hundreds of thousands. */
const MAX_NAMED = 5;

/**
 * One namespace of one Socket.IO server: its sockets, their rooms, users and sessions, and the delivery of events to
 * them. The adapter that Socket.IO calls is a thin shell around it.
 *
 * @internal
 */
export class NamespaceEndpoint implements LocalNamespace {
  readonly name: string;
  readonly codec: PacketCodec;
  readonly sids: ReadonlyMap<string, ReadonlySet<string>>;
  private readonly memberships: IdentityRooms;
  /** Sockets that are being admitted, by id. */
  private readonly arrivals = new Map<string, Socket>();
  /** When each socket came, in ms since 1970. `handshake.issued` is by the wall clock, which may be set back. */
  private readonly arrivedAt = new WeakMap<Socket, number>();

  constructor(private readonly deps: NamespaceEndpointDeps) {
    this.name = deps.namespace.name;
    this.codec = deps.codec;
    this.sids = deps.memory.sids;
    this.memberships = new IdentityRooms(deps.channels);
  }

  get socketCount(): number {
    return this.deps.namespace.sockets.size;
  }

  /** Whether sockets are being admitted. */
  get hasArrivals(): boolean {
    return this.arrivals.size > 0;
  }

  /** Called for each new socket, before the app has it. */
  arriving(socket: Socket): void {
    const { recovery, onArriving } = this.deps;
    this.arrivals.set(socket.id, socket);
    this.arrivedAt.set(socket, lenientNow());
    recovery?.arrived(socket);
    onArriving?.(socket);
  }

  /** Gives an authenticated socket the session that it had before its connection broke, or makes it a new connection. */
  takeSession(socket: Socket, identity: AuthenticatedIdentity | null): Promise<void> | undefined {
    return this.deps.recovery?.take(socket, identity);
  }

  /** Called when a socket that is being admitted has got another id. The app may have put the socket into rooms already. */
  renamed(socket: Socket, before: string): void {
    const { memory, recovery } = this.deps;
    if (this.arrivals.get(before) === socket) {
      this.arrivals.delete(before);
      this.arrivals.set(socket.id, socket);
    }
    const rooms = this.sids.get(before);
    if (rooms === undefined) return;
    recovery?.joined(socket.id, rooms);
    memory.enter(socket.id, new Set(rooms));
    memory.exitAll(before);
  }

  /** Removes all traces of the id of a socket that is being admitted, because another socket gets the id. */
  forget(socket: Socket): void {
    this.deps.memory.exitAll(socket.id);
    this.removed(socket);
  }

  /**
   * Makes a socket a member of its user and session, and puts it back into the rooms that it had before its connection
   * broke. Resolves when events for them arrive; undefined if they already do.
   */
  admit(socket: Socket, identity: AuthenticatedIdentity | null): Promise<void> | undefined {
    const { channels, memory, recovery } = this.deps;
    const rooms = recovery?.roomsFor(socket) ?? new Set<string>();
    const own = identity === null ? [] : this.memberships.add(socket.id, identity);
    channels.occupied();
    memory.enter(socket.id, rooms);
    return channels.ready([...rooms, ...own]);
  }

  /** Sends a socket the events that it missed. Called when it is connected, before anything else is sent to it. */
  connected(socket: Socket): void {
    this.arrivals.delete(socket.id);
    const { connections, recovery, reporter } = this.deps;
    const issued = this.arrivedAt.get(socket) ?? lenientNow();
    recovery?.connected(socket, issued, ({ frames, compress }) => {
      const packet = new WirePacket({ frames }, this.codec.parser);
      new PacketWriter(packet, { volatile: false, compress }, reporter, connections).write(socket);
    });
  }

  /** Called when a socket has left the namespace for good, or was refused; `socket.leaveAll()` does neither. */
  removed(socket: Socket): void {
    const { channels, namespace, onLeft, recovery } = this.deps;
    const { id } = socket;
    const identity = this.memberships.identityOf(id);
    if (this.arrivals.get(id) === socket) this.arrivals.delete(id);
    recovery?.removed(socket);
    this.memberships.delete(id);
    abandonAcks(socket);
    onLeft(socket, identity);
    const { sockets } = namespace;
    const others = sockets.size - (sockets.has(id) ? 1 : 0) + this.arrivals.size;
    if (others === 0) channels.vacated();
  }

  /** As {@link removed}, for a socket that is being admitted; does nothing for others. */
  refused(id: string): void {
    const socket = this.arrivals.get(id);
    if (socket !== undefined) this.removed(socket);
  }

  identityOf(id: string): AuthenticatedIdentity | undefined {
    return this.memberships.identityOf(id);
  }

  /** The reserved rooms of a socket: those of its user and its session. */
  identityRoomsOf(id: string): string[] {
    return this.memberships.roomsOf(id);
  }

  /**
   * Puts a socket into rooms, except reserved ones, those of other sockets, and those beyond the limits. Resolves once
   * events for the rooms arrive; undefined if they already do.
   */
  join(id: string, rooms: Iterable<unknown>): Promise<void> | undefined {
    const { channels, joins, memory, recovery } = this.deps;
    const allowed = this.allowed(id, rooms);
    recovery?.joined(id, allowed);
    joins.add(id, allowed);
    channels.occupied();
    memory.enter(id, allowed);
    return channels.ready(allowed);
  }

  /** Takes a socket out of a room, unless it is a reserved one. */
  leave(id: string, room: unknown): void {
    const name = roomName(room);
    if (name === undefined) return;
    if (isReservedRoom(name)) {
      this.deps.reporter.report(
        'room.reserved',
        () => `socket ${id} was kept in room ${shown(name)}`,
      );
      return;
    }
    if (this.sids.get(id)?.has(name) === true) this.deps.recovery?.left(id, name);
    this.deps.memory.exit(id, name);
  }

  deliver(delivery: Delivery): number {
    const { connections, namespace, recovery, reporter } = this.deps;
    const { sockets } = namespace;
    const { packet, rooms, except, within, asOf } = delivery;
    const isPlain = asOf === undefined && within === undefined;
    const only = isPlain && rooms.length + except.length === 1 ? rooms[0] : undefined;
    const members = only === undefined ? undefined : this.membersOf(only);
    // In most cases the room has no socket on this instance.
    const isNobodyHere = only !== undefined && members === undefined;
    const having = recovery?.keep(delivery, isNobodyHere);
    if (isNobodyHere) return 0;
    const writer = new PacketWriter(packet, this.flagsOf(delivery), reporter, connections);
    if (members !== undefined && having === undefined) {
      for (const id of members) writer.write(sockets.get(id));
    } else {
      forEachSocket(this, delivery, (id) => {
        const socket = sockets.get(id);
        if (socket === undefined || having?.has(id) === true) return;
        if (asOf === undefined || this.wasReached(socket, rooms, asOf)) writer.write(socket);
      });
    }
    return writer.sockets;
  }

  /** One connection has the sockets of several namespaces. */
  private flagsOf(delivery: Delivery): Delivery {
    const { latestOnly } = delivery;
    if (latestOnly === undefined) return delivery;
    return { ...delivery, latestOnly: `${this.name.length}:${this.name}${latestOnly}` };
  }

  select(selector: SocketSelector): Socket[] {
    const { sockets } = this.deps.namespace;
    return this.found(selector, (id) => sockets.get(id));
  }

  selectWithArriving(selector: SocketSelector): Socket[] {
    const { sockets } = this.deps.namespace;
    return this.found(selector, (id) => sockets.get(id) ?? this.arrivals.get(id));
  }

  leaveAway(selector: SocketSelector, rooms: readonly string[]): void {
    this.deps.recovery?.leaveAway(selector, rooms);
  }

  endAway(selector: SocketSelector): void {
    this.deps.recovery?.endAway(selector);
  }

  roomNames(): string[] {
    return [...this.deps.memory.rooms.keys()];
  }

  /** The ids of the sockets in a room, which may be a reserved one. */
  membersOf(room: string): Members | undefined {
    return this.deps.memory.rooms.get(room) ?? this.memberships.get(room);
  }

  ask(
    event: EventToAcknowledge,
    onAnswer: (socketId: string, answer: unknown) => void,
  ): { socketIds: string[]; done: Promise<void> } {
    const sockets = this.select(event);
    const question = { ...event, id: nextAckId(this.deps.namespace) };
    const done = collectAcks(sockets, question, this.codec, this.deps, onAnswer);
    return { socketIds: sockets.map(({ id }) => id), done };
  }

  onServerSideEmit(args: unknown[]): void {
    callServerSide(this.deps.namespace, args);
  }

  /** Whether a socket that is in one of the rooms now had connected, and was in one of them, by a moment. */
  private wasReached(socket: Socket, rooms: readonly string[], moment: number): boolean {
    const { joins, recovery } = this.deps;
    const { id } = socket;
    const issued = recovery?.issuedAt(id) ?? this.arrivedAt.get(socket);
    if (issued !== undefined && issued > moment) return false;
    if (rooms.length === 0) return true;
    return rooms.some(
      (room) =>
        this.membersOf(room)?.has(id) === true &&
        !joins.isLater(id, room, moment) &&
        recovery?.wasIn(id, room, moment) !== false,
    );
  }

  private found(selector: SocketSelector, socketOf: (id: string) => Socket | undefined): Socket[] {
    const sockets: Socket[] = [];
    forEachSocket(this, selector, (id) => {
      const socket = socketOf(id);
      if (socket !== undefined) sockets.push(socket);
    });
    return sockets;
  }

  /** The rooms that a socket may join; reports the others. */
  private allowed(id: string, rooms: Iterable<unknown>): Set<string> {
    const { limits, reporter } = this.deps;
    const allowed = new Set<string>();
    const joined = this.sids.get(id);
    const most = limits.roomsPerSocket + (joined?.has(id) === true ? 1 : 0);
    const tooMany: string[] = [];
    let count = joined?.size ?? 0;
    for (const room of rooms) {
      const name = roomName(room);
      if (name === undefined) {
        invalidRoom(reporter, room, () => `socket ${id} was to join`);
      } else if (name === id) {
        allowed.add(name);
      } else if (isReservedRoom(name) && this.memberships.get(name)?.has(id) === true) {
        // The socket belongs to that user or session already. No list of rooms shows it.
      } else if (isLonger(name, limits.nameBytes) && !isReservedRoom(name)) {
        reporter.report(
          'name.too-long',
          () => `socket ${id} was kept out of room ${shown(name)}: more than limits.nameBytes`,
        );
      } else if (this.isClosed(name)) {
        reporter.report('room.reserved', () => `socket ${id} was kept out of room ${shown(name)}`);
      } else if (joined?.has(name) !== true && !allowed.has(name)) {
        if (count < most) allowed.add(name);
        else tooMany.push(name);
        count++;
      }
    }
    if (tooMany.length > 0) this.tooManyRooms(id, tooMany);
    return allowed;
  }

  /** Whether a room belongs to this library, or to another socket of this namespace on this instance. */
  private isClosed(room: string): boolean {
    return isReservedRoom(room) || this.deps.namespace.sockets.has(room) || this.arrivals.has(room);
  }

  /** Counts each room; one line names the first ones. */
  private tooManyRooms(id: string, rooms: readonly string[]): void {
    const { limits, reporter } = this.deps;
    for (let more = 1; more < rooms.length; more++) reporter.count('room.too-many');
    reporter.report('room.too-many', () => {
      const named = rooms.slice(0, MAX_NAMED).map(shown).join(', ');
      const more = rooms.length > MAX_NAMED ? ` and ${rooms.length - MAX_NAMED} more` : '';
      return `socket ${id} is in ${limits.roomsPerSocket} rooms and was kept out of ${named}${more}`;
    });
  }
}
