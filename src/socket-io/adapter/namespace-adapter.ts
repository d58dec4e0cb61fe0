import type { Namespace, Socket } from 'socket.io';
import type { Adapter, BroadcastOptions, Session } from 'socket.io-adapter';
import * as standardParser from 'socket.io-parser';
import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import { shown } from '../../options/checks.js';
import { isLonger } from '../../wire/channel-names.js';
import { commandAdapter, type AdapterConstructor, type CommandAdapter } from './command-adapter.js';
import { optionsOf } from '../delivery-options.js';
import { codecOf, encodeEvent } from '../../routing/packet-codec.js';
import { collectAcks, abandonAcks } from './ack-collector.js';
import type { Delivery, PacketCodec, LocalNamespace } from '../../routing/local-namespace.js';
import { IdentityRooms } from './identity-rooms.js';
import type { NamespaceServices } from './namespace-services.js';
import { PacketWriter } from '../connections/packet-writer.js';
import { isReservedRoom } from '../../routing/reserved-rooms.js';
import { RoomChannels } from './room-channels.js';
import { forEachSocket } from './room-members.js';
import { invalidRoom, normaliseOptions, roomName } from '../../routing/room-names.js';
import { ConnectionRecovery } from './connection-recovery.js';
import {
  callServerSide,
  closesEmptyNamespaces,
  keepsSessionsFor,
  keptPackets,
  nextAckId,
  onRemoved,
  parserOf,
} from '../internals.js';
import type { EventToAcknowledge, SocketSelector } from '../../routing/socket-selector.js';
import { guarded } from '../../reporting/timers.js';

/** The adapter of a namespace behind `SocketStateAdapter`. @internal */
export interface NamespaceAdapter extends CommandAdapter {
  /** Whom a socket was let in as. */
  identityOf(socketId: string): AuthenticatedIdentity | undefined;
  /** Called for each new socket, before the app has it. */
  arriving(socket: Socket): void;
  /** Makes a socket one of its user and session, and puts it into the rooms that it had; resolves when events for them arrive. */
  admit(socket: Socket, identity: AuthenticatedIdentity | null): Promise<void> | undefined;
  /** Sends a socket what it missed; called when it is connected, before anything else is sent. */
  connected(socket: Socket): void;
}

/** Who follows what happens to a namespace and its sockets. @internal */
export interface NamespaceHooks {
  /** Called while the namespace is made, before anybody else can add a middleware or a listener. */
  created(nsp: Namespace, adapter: NamespaceAdapter): void;
  /** Called when a socket leaves the namespace, before its `disconnect` event. */
  left(socket: Socket, identity: AuthenticatedIdentity | undefined): void;
}

type Packet = Parameters<Adapter['broadcast']>[0];

/** How many rooms one line of a log names. A client may ask for hundreds of thousands. */
const MAX_NAMED = 5;
/** A room that no socket is in. */
const NOWHERE: ReadonlySet<string> = new Set(['propagator#nobody']);

/**
 * Makes an adapter of Socket.IO's in-memory adapter: whatever goes through it takes the road of {@link EventRouter}, or
 * is asked of all instances. The base class is the server's own choice (its plain adapter, or the one with
 * connection state recovery), taken from the server, since an app may have several copies of socket.io-adapter.
 *
 * @internal
 */
export function namespaceAdapter(
  Base: AdapterConstructor,
  services: NamespaceServices,
  hooks: NamespaceHooks,
): new (nsp: Namespace) => NamespaceAdapter {
  const { router, reporter } = services;
  return class extends commandAdapter(Base, services) implements NamespaceAdapter, LocalNamespace {
    readonly name: string;
    readonly codec: PacketCodec;
    private readonly channels: RoomChannels;
    private readonly memberships: IdentityRooms;
    /** Sockets that are being let in, by their ids. */
    private readonly waiting = new Map<string, Socket>();
    /** Whether Socket.IO tells the end of a socket that was not let in. */
    private readonly tellsRefused: boolean;
    /** With connection state recovery only. */
    private readonly recovery: ConnectionRecovery | undefined;

    constructor(nsp: Namespace) {
      super(nsp);
      this.name = nsp.name;
      // Only the option tells: there may be several copies of the standard parser.
      this.codec = codecOf(parserOf(nsp.server) ?? standardParser);
      this.channels = new RoomChannels(nsp.name, router);
      this.memberships = new IdentityRooms(this.channels);
      if (keptPackets(this) !== undefined) {
        this.recovery = new ConnectionRecovery((rooms) => this.channels.keep(rooms), reporter);
      }
      const failed = reporter.failure('transport.failed', () => `namespace ${shown(nsp.name)}`);
      const open = guarded(failed, (room: string) => this.channels.open(room));
      const close = guarded(failed, (room: string) => this.channels.close(room));
      this.on('create-room', open);
      this.on('delete-room', close);
      this.tellsRefused = onRemoved(
        nsp,
        guarded(failed, (socket) => this.removed(socket)),
      );
      router.attach(this);
      hooks.created(nsp, this);
    }

    get socketCount(): number {
      return (this.nsp as Namespace).sockets.size;
    }

    arriving(socket: Socket): void {
      this.waiting.set(socket.id, socket);
      this.recovery?.arriving(socket);
    }

    admit(socket: Socket, identity: AuthenticatedIdentity | null): Promise<void> | undefined {
      const rooms = this.recovery?.authenticated(socket, identity) ?? new Set<string>();
      const own = identity === null ? [] : this.memberships.add(socket.id, identity);
      this.channels.occupied();
      void super.addAll(socket.id, rooms);
      return this.channels.ready([...rooms, ...own]);
    }

    connected(socket: Socket): void {
      this.waiting.delete(socket.id);
      this.recovery?.connected(socket, keptPackets(this) ?? [], (data) => {
        const flags = { volatile: false, compress: true };
        const packet = encodeEvent(this.codec, this.name, data);
        new PacketWriter(packet, flags, reporter, services.connections).write(socket);
      });
    }

    identityOf(id: string): AuthenticatedIdentity | undefined {
      return this.memberships.identityOf(id);
    }

    /** Resolves once events for the rooms arrive. Reserved rooms and those of other sockets are not entered. */
    override addAll(id: string, rooms: Set<unknown>): Promise<void> | void {
      const allowed = new Set<string>();
      const joined = this.sids.get(id);
      const most = services.limits.roomsPerSocket + (joined?.has(id) === true ? 1 : 0);
      const tooMany: string[] = [];
      let count = joined?.size ?? 0;
      for (const room of rooms) {
        const name = roomName(room);
        if (name === undefined) {
          invalidRoom(reporter, room, () => `socket ${id} was to join`);
        } else if (name === id) {
          allowed.add(name);
        } else if (isReservedRoom(name) && this.memberships.get(name)?.has(id) === true) {
          // The socket belongs to that user or session already, and no list of rooms shows it.
        } else if (isLonger(name, services.limits.nameBytes) && !isReservedRoom(name)) {
          reporter.report(
            'name.too-long',
            () => `socket ${id} was kept out of room ${shown(name)}: more than limits.nameBytes`,
          );
        } else if (this.isClosed(name)) {
          reporter.report(
            'room.reserved',
            () => `socket ${id} was kept out of room ${shown(name)}`,
          );
        } else if (joined?.has(name) !== true && !allowed.has(name)) {
          if (count < most) allowed.add(name);
          else tooMany.push(name);
          count++;
        }
      }
      if (tooMany.length > 0) this.tooManyRooms(id, tooMany);
      this.channels.occupied();
      void super.addAll(id, allowed);
      return this.channels.ready(allowed);
    }

    override del(id: string, room: unknown): Promise<void> | void {
      const name = roomName(room);
      if (name === undefined) return undefined;
      if (isReservedRoom(name)) {
        reporter.report('room.reserved', () => `socket ${id} was kept in room ${shown(name)}`);
        return undefined;
      }
      return super.del(id, name);
    }

    /** Also called by `socket.leaveAll()`: what belongs to the authentication stays. */
    override delAll(id: string): void {
      super.delAll(id);
      const socket = this.tellsRefused ? undefined : this.waiting.get(id);
      if (socket !== undefined) this.removed(socket);
    }

    override persistSession(session: Session): void {
      const own = this.memberships.roomsOf(session.sid);
      const whole = { ...session, rooms: [...session.rooms, ...own] };
      this.recovery?.lost(whole, keepsSessionsFor(this, this.nsp as Namespace));
      super.persistSession(whole);
    }

    override async restoreSession(pid: string, offset: string): Promise<Session> {
      const session = (await super.restoreSession(pid, offset)) as Session | null;
      // Socket.IO's types do not know that there may be none.
      return (session && this.recovery?.claim(session, offset)) as Session;
    }

    /** Never throws: sockets of this instance are served if at all possible, and a failure is reported. */
    override broadcast(packet: Packet, options: BroadcastOptions): void {
      const known = normaliseOptions(options, (room) => invalidRoom(reporter, room));
      if (known === undefined) return;
      const { rooms, except, flags } = known;
      if (flags.local !== true && this.recovery?.isDirect(rooms) === true) {
        super.broadcast(packet, known);
        return;
      }
      router.emit(
        {
          namespace: this.name,
          data: packet.data,
          rooms: [...rooms],
          except: [...except],
          volatile: flags.volatile ?? false,
          compress: flags.compress ?? true,
        },
        flags.local === true ? this : undefined,
      );
    }

    override serverSideEmit(args: unknown[]): void {
      services.serverSide.emit(this, args);
    }

    onServerSideEmit(args: unknown[]): void {
      callServerSide(this.nsp as Namespace, args);
    }

    deliver(delivery: Delivery): number {
      return this.recovery === undefined
        ? this.deliverFrames(delivery)
        : this.deliverAndKeep(delivery);
    }

    select(selector: SocketSelector): Socket[] {
      const { sockets } = this.nsp as Namespace;
      return this.found(selector, (id) => sockets.get(id));
    }

    selectWithArriving(selector: SocketSelector): Socket[] {
      const { sockets } = this.nsp as Namespace;
      return this.found(selector, (id) => sockets.get(id) ?? this.waiting.get(id));
    }

    roomNames(): string[] {
      return [...this.rooms.keys()];
    }

    membersOf(room: string): ReadonlySet<string> | undefined {
      return this.rooms.get(room) ?? this.memberships.get(room);
    }

    ask(
      event: EventToAcknowledge,
      onAnswer: (socketId: string, answer: unknown) => void,
    ): { socketIds: string[]; done: Promise<void> } {
      const sockets = this.select(event);
      const question = { ...event, id: nextAckId(this.nsp as Namespace) };
      const done = collectAcks(sockets, question, this.codec, services, onAnswer);
      return { socketIds: sockets.map(({ id }) => id), done };
    }

    override close(): Promise<void> | void {
      // Socket.IO closes a dynamic namespace with its last socket, even while others are being let in. They are served
      // all the same; this is called again when they have gone.
      if (closesEmptyNamespaces(this.nsp as Namespace) && this.waiting.size > 0) return;
      router.detach(this);
      this.channels.closeAll();
      this.recovery?.close();
      return super.close();
    }

    private removed(socket: Socket): void {
      const { id } = socket;
      const identity = this.memberships.identityOf(id);
      this.waiting.delete(id);
      this.memberships.delete(id);
      abandonAcks(socket);
      hooks.left(socket, identity);
      const { sockets } = this.nsp as Namespace;
      const others = sockets.size - (sockets.has(id) ? 1 : 0) + this.waiting.size;
      if (others === 0) this.channels.vacated();
    }

    /** Whether a room is one of this library, or that of another socket of this instance. */
    private isClosed(room: string): boolean {
      if (isReservedRoom(room)) return true;
      return (this.nsp as Namespace).sockets.has(room) || this.waiting.has(room);
    }

    /** Each room counts, and one line names the first ones. */
    private tooManyRooms(id: string, rooms: readonly string[]): void {
      const { roomsPerSocket } = services.limits;
      for (let more = 1; more < rooms.length; more++) reporter.count('room.too-many');
      reporter.report(
        'room.too-many',
        () =>
          `socket ${id} is in ${roomsPerSocket} rooms and was kept out of ${rooms.slice(0, MAX_NAMED).map(shown).join(', ')}${rooms.length > MAX_NAMED ? ` and ${rooms.length - MAX_NAMED} more` : ''}`,
      );
    }

    private found(
      selector: SocketSelector,
      socketOf: (id: string) => Socket | undefined,
    ): Socket[] {
      const sockets: Socket[] = [];
      forEachSocket(this, selector, (id) => {
        const socket = socketOf(id);
        if (socket !== undefined) sockets.push(socket);
      });
      return sockets;
    }

    private deliverFrames(delivery: Delivery): number {
      const writer = new PacketWriter(delivery.packet, delivery, reporter, services.connections);
      let sockets = 0;
      const write = (socket: Socket | undefined): void => {
        if (socket === undefined) return;
        writer.write(socket);
        sockets++;
      };
      const { rooms, except, within } = delivery;
      const [room] = rooms;
      if (room !== undefined && rooms.length + except.length === 1 && within === undefined) {
        for (const id of this.membersOf(room) ?? []) write((this.nsp as Namespace).sockets.get(id));
      } else {
        forEachSocket(this, delivery, (id) => write((this.nsp as Namespace).sockets.get(id)));
      }
      return sockets;
    }

    private deliverAndKeep(delivery: Delivery): number {
      const data = this.kept(delivery);
      if (data === undefined) return this.deliverFrames(delivery);
      const packet = encodeEvent(this.codec, this.name, data);
      return this.deliverFrames({ ...delivery, packet });
    }

    /** Has the base class keep an event for clients that come back; returns its data with the offset that they are to name. */
    private kept(delivery: Delivery): unknown[] | undefined {
      const { packet } = delivery.packet;
      if (packet === undefined || delivery.volatile) return undefined;
      const options = optionsOf(delivery);
      const { rooms } = options;
      // The base class knows no users: it is to send to nobody.
      const kept = Object.assign(options, { rooms: NOWHERE });
      super.broadcast({ ...packet, data: [...packet.data] }, kept);
      Object.assign(options, { rooms });
      const last = keptPackets(this)?.at(-1);
      return last?.opts === options ? last.data : undefined;
    }
  };
}
