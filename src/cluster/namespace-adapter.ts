import type { Namespace, Socket } from 'socket.io';
import type { Adapter, BroadcastOptions, Session } from 'socket.io-adapter';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import { shown } from '../options/checks.js';
import { isLonger } from '../wire/channels.js';
import { commandAdapter, type AdapterConstructor, type CommandAdapter } from './command-adapter.js';
import { optionsOf } from './delivery-options.js';
import { dialectOfServer } from './dialects.js';
import { askSockets, giveUpOn } from './local-ask.js';
import type { Delivery, Dialect, LocalNamespace } from './local-namespace.js';
import type { NamespaceServices } from './namespace-services.js';
import { PacketWriter } from './packet-writer.js';
import { AUTHENTICATED_ROOM, isReservedRoom, sessionRoom, userRoom } from './reserved-rooms.js';
import { RoomChannels } from './room-channels.js';
import { eachMember } from './room-members.js';
import { normalised, roomName } from './room-names.js';
import { SessionRecovery, type KeptPacket } from './session-recovery.js';
import { callServerSide, nextAckId } from './socket-io-internals.js';
import type { EventToAcknowledge, SocketSelector } from './socket-selector.js';

/** The adapter of a namespace behind `SocketStateAdapter`. @internal */
export interface NamespaceAdapter extends CommandAdapter {
  /** Called for each new socket, before the app has it. */
  arriving(socket: Socket): void;
  /** Puts a socket into the rooms of its user, and into those it had; resolves when events for them arrive. */
  admit(socket: Socket, identity: AuthenticatedIdentity | null): Promise<void> | undefined;
  /** Sends a socket what it missed; called when it is connected, before anything else is sent. */
  connected(socket: Socket): void;
}

/** Who follows what happens to a namespace and its sockets. @internal */
export interface NamespaceHooks {
  /** Called while the namespace is made, before anybody else can add a middleware or a listener. */
  created(nsp: Namespace, adapter: NamespaceAdapter): void;
  /** Called when a socket leaves the namespace, before its `disconnect` event. */
  left(id: string): void;
}

type Packet = Parameters<Adapter['broadcast']>[0];

/** What Socket.IO keeps to itself of a namespace. */
interface Internals {
  readonly server: { readonly opts?: { readonly cleanupEmptyChildNamespaces?: boolean } };
  readonly _preConnectSockets: ReadonlyMap<string, Socket>;
}

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
    readonly dialect: Dialect;
    private readonly channels: RoomChannels;
    /** With connection state recovery only. */
    private readonly recovery: SessionRecovery | undefined;
    /** What Socket.IO's adapter with recovery has. */
    declare private readonly packets?: KeptPacket[];
    declare private readonly maxDisconnectionDuration: number;

    constructor(nsp: Namespace) {
      super(nsp);
      this.name = nsp.name;
      this.dialect = dialectOfServer(nsp.server);
      this.channels = new RoomChannels(nsp.name, router);
      if (this.packets !== undefined) {
        this.recovery = new SessionRecovery((rooms) => this.channels.keep(rooms));
      }
      this.on('create-room', (room: string) => this.channels.open(room));
      this.on('delete-room', (room: string) => this.channels.close(room));
      router.attach(this);
      hooks.created(nsp, this);
    }

    get socketCount(): number {
      return (this.nsp as Namespace).sockets.size;
    }

    arriving(socket: Socket): void {
      this.recovery?.arriving(socket);
    }

    admit(socket: Socket, identity: AuthenticatedIdentity | null): Promise<void> | undefined {
      const rooms = this.recovery?.authenticated(socket, identity) ?? new Set<string>();
      if (identity !== null) {
        const { userId, sessionId } = identity;
        rooms.add(userRoom(userId)).add(sessionRoom(sessionId)).add(AUTHENTICATED_ROOM);
      }
      this.channels.occupied();
      void super.addAll(socket.id, rooms);
      return this.channels.ready(rooms);
    }

    connected(socket: Socket): void {
      this.recovery?.connected(socket, this.packets ?? []);
    }

    /** Resolves once events for the rooms arrive. Reserved rooms are not entered by name. */
    override addAll(id: string, rooms: Set<unknown>): Promise<void> | void {
      const allowed = new Set<string>();
      const most = services.limits.roomsPerSocket + this.ownRoomsOf(id);
      const joined = this.sids.get(id);
      let count = joined?.size ?? 0;
      for (const room of rooms) {
        const name = roomName(room);
        if (name === undefined) {
          reporter.report('room.invalid', () => `socket ${id} was to join ${shown(room)}`);
        } else if (isLonger(name, services.limits.nameBytes) && !isReservedRoom(name)) {
          reporter.report(
            'name.too-long',
            () => `socket ${id} was kept out of room ${shown(name)}: more than limits.nameBytes`,
          );
        } else if (isReservedRoom(name) && !this.sids.get(id)?.has(name)) {
          reporter.report(
            'room.reserved',
            () => `socket ${id} was kept out of room ${shown(name)}`,
          );
        } else if (joined?.has(name) !== true && !allowed.has(name) && name !== id) {
          if (count < most) allowed.add(name);
          else this.tooManyRooms(id, name);
          count++;
        } else {
          allowed.add(name);
        }
      }
      this.channels.occupied();
      void super.addAll(id, allowed);
      return this.channels.ready(allowed);
    }

    /** A socket is in its user's room as long as it is connected. */
    override del(id: string, room: unknown): Promise<void> | void {
      const name = roomName(room);
      if (name === undefined) return undefined;
      if (isReservedRoom(name)) {
        reporter.report('room.reserved', () => `socket ${id} was kept in room ${shown(name)}`);
        return undefined;
      }
      return super.del(id, name);
    }

    override delAll(id: string): void {
      hooks.left(id);
      const socket = (this.nsp as Namespace).sockets.get(id);
      if (socket !== undefined) giveUpOn(socket);
      super.delAll(id);
      if (this.sids.size === 0) this.channels.vacated();
    }

    override persistSession(session: Session): void {
      this.recovery?.lost(session, this.maxDisconnectionDuration);
      super.persistSession(session);
    }

    override async restoreSession(pid: string, offset: string): Promise<Session> {
      const session = (await super.restoreSession(pid, offset)) as Session | null;
      // Socket.IO's types do not know that there may be none.
      return (session && this.recovery?.claim(session, offset)) as Session;
    }

    override broadcast(packet: Packet, options: BroadcastOptions): void {
      const known = normalised(options);
      if (known === undefined) return;
      const { rooms, except, flags } = known;
      if (flags.local === true || this.recovery?.isDirect(rooms) === true) {
        super.broadcast(packet, known);
        return;
      }
      void router.broadcast({
        namespace: this.name,
        data: packet.data,
        rooms: [...rooms],
        except: [...except],
        volatile: flags.volatile ?? false,
        compress: flags.compress ?? true,
      });
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
      const { _preConnectSockets: arriving } = this.nsp as Internals;
      return this.found(selector, (id) => sockets.get(id) ?? arriving.get(id));
    }

    roomNames(): string[] {
      return [...this.rooms.keys()].filter((room) => !isReservedRoom(room));
    }

    ask(
      event: EventToAcknowledge,
      onAnswer: (socketId: string, answer: unknown) => void,
    ): { socketIds: string[]; done: Promise<void> } {
      const sockets = this.select(event);
      const question = { ...event, id: nextAckId(this.nsp as Namespace) };
      const done = askSockets(sockets, question, this.dialect, services, onAnswer);
      return { socketIds: sockets.map(({ id }) => id), done };
    }

    override close(): Promise<void> | void {
      const { server, _preConnectSockets } = this.nsp as Internals;
      // Socket.IO closes a dynamic namespace with its last socket, even while others are being let in. They are served
      // all the same; this is called again when they have gone.
      if (server.opts?.cleanupEmptyChildNamespaces === true && _preConnectSockets.size > 0) return;
      router.detach(this);
      this.channels.closeAll();
      this.recovery?.close();
      return super.close();
    }

    /** How many of its rooms a socket has not chosen: its own one, and those of its user and session. */
    private ownRoomsOf(id: string): number {
      const joined = this.sids.get(id);
      return (
        (joined?.has(id) === true ? 1 : 0) + (joined?.has(AUTHENTICATED_ROOM) === true ? 3 : 0)
      );
    }

    private tooManyRooms(id: string, room: string): void {
      const { roomsPerSocket } = services.limits;
      reporter.report(
        'room.too-many',
        () => `socket ${id} is in ${roomsPerSocket} rooms and was kept out of ${shown(room)}`,
      );
    }

    private found(
      selector: SocketSelector,
      socketOf: (id: string) => Socket | undefined,
    ): Socket[] {
      const sockets: Socket[] = [];
      eachMember(this, selector, (id) => {
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
        for (const id of this.rooms.get(room) ?? []) write((this.nsp as Namespace).sockets.get(id));
      } else {
        eachMember(this, delivery, (id) => write((this.nsp as Namespace).sockets.get(id)));
      }
      return sockets;
    }

    private deliverAndKeep(delivery: Delivery): number {
      const { packet } = delivery.packet;
      if (packet === undefined) return 0;
      const options = optionsOf(delivery);
      const { rooms, within } = delivery;
      if (within !== undefined) {
        // The base class does not know of it.
        eachMember(this, { rooms, except: [within] }, (id) => options.except?.add(id));
      }
      let sockets = 0;
      this['apply'](options, () => sockets++);
      // The base class appends its offset to the data, which others may still have to send.
      super.broadcast({ ...packet, data: [...packet.data] }, options);
      return sockets;
    }
  };
}
