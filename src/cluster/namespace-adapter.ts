import type { Namespace, Socket } from 'socket.io';
import type { Adapter, BroadcastOptions, Session } from 'socket.io-adapter';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import { broadcastWithAck } from './broadcast-with-ack.js';
import { optionsOf } from './delivery-options.js';
import { dialectOfServer } from './dialects.js';
import { askSockets } from './local-ask.js';
import type { Delivery, Dialect, LocalNamespace } from './local-namespace.js';
import type { NamespaceServices } from './namespace-services.js';
import { PacketWriter } from './packet-writer.js';
import { AUTHENTICATED_ROOM, isReservedRoom, userRoom } from './reserved-rooms.js';
import { RoomChannels } from './room-channels.js';
import { normalised, roomName, roomNames } from './room-names.js';
import { SessionRecovery } from './session-recovery.js';
import type { EventToAcknowledge, SocketSelector } from './socket-selector.js';

export type AdapterConstructor = new (nsp: Namespace) => Adapter;

/** The adapter of a namespace behind `SocketStateAdapter`. @internal */
export interface NamespaceAdapter extends Adapter {
  /** Puts a socket into the rooms of its user, and into those it had; resolves when events for them arrive. */
  admit(socket: Socket, identity: AuthenticatedIdentity | null): Promise<void> | undefined;
  /** Sends a socket what it missed; called when it is connected, before anything else is sent. */
  connected(socket: Socket): void;
  /** The rooms of all instances. */
  allRooms(): Promise<Set<string>>;
}

/** Who follows what happens to a namespace and its sockets. @internal */
export interface NamespaceHooks {
  /** Called while the namespace is made, before anybody else can add a middleware or a listener. */
  created(nsp: Namespace, adapter: NamespaceAdapter): void;
  /** Called when a socket leaves the namespace, before its `disconnect` event. */
  left(id: string): void;
}

type Packet = Parameters<Adapter['broadcast']>[0];

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
  const { router, cluster, commands, reporter } = services;
  return class extends Base implements NamespaceAdapter, LocalNamespace {
    readonly name: string;
    readonly dialect: Dialect;
    private readonly recovery = new SessionRecovery();
    private readonly channels: RoomChannels;
    /** Recovery keeps packets, and adds an offset to each: it has to see the decoded packet. */
    private readonly keepsPackets: boolean;

    constructor(nsp: Namespace) {
      super(nsp);
      this.name = nsp.name;
      this.dialect = dialectOfServer(nsp.server);
      this.keepsPackets = 'packets' in this;
      this.channels = new RoomChannels(nsp.name, router);
      this.on('create-room', (room: string) => this.channels.open(room));
      this.on('delete-room', (room: string) => this.channels.close(room));
      router.attach(this);
      hooks.created(nsp, this);
    }

    get socketCount(): number {
      return (this.nsp as Namespace).sockets.size;
    }

    admit(socket: Socket, identity: AuthenticatedIdentity | null): Promise<void> | undefined {
      const rooms = this.recovery.authenticated(socket, identity);
      if (identity !== null) rooms.add(userRoom(identity.userId)).add(AUTHENTICATED_ROOM);
      this.channels.occupied();
      void super.addAll(socket.id, rooms);
      return this.channels.ready(rooms);
    }

    connected(socket: Socket): void {
      this.recovery.connected(socket);
    }

    /** Resolves once events for the rooms arrive. Reserved rooms are not entered by name. */
    override addAll(id: string, rooms: Set<unknown>): Promise<void> | void {
      const allowed = new Set<string>();
      for (const room of rooms) {
        const name = roomName(room);
        if (name === undefined) {
          reporter.report('room.invalid', () => `socket ${id} was to join ${String(room)}`);
        } else if (isReservedRoom(name) && !this.sids.get(id)?.has(name)) {
          reporter.report('room.reserved', () => `socket ${id} was kept out of room "${name}"`);
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
        reporter.report('room.reserved', () => `socket ${id} was kept in room "${name}"`);
        return undefined;
      }
      return super.del(id, name);
    }

    override delAll(id: string): void {
      hooks.left(id);
      super.delAll(id);
      if (this.sids.size === 0) this.channels.vacated();
    }

    override async restoreSession(pid: string, offset: string): Promise<Session> {
      const session = (await super.restoreSession(pid, offset)) as Session | null;
      // Socket.IO's types do not know that there may be none.
      return (session && this.recovery.hold(session)) as Session;
    }

    override broadcast(packet: Packet, options: BroadcastOptions): void {
      const known = normalised(options);
      if (known === undefined) return;
      const { rooms, except, flags } = known;
      if (flags.local === true) {
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

    override broadcastWithAck(
      packet: Packet,
      options: BroadcastOptions,
      onClientCount: (count: number) => void,
      onAnswer: (answer: unknown) => void,
    ): void {
      const known = normalised(options);
      if (known?.flags.local === true) {
        super.broadcastWithAck(packet, known, onClientCount, onAnswer);
        return;
      }
      const selector = known && this.selectorOf(known);
      broadcastWithAck(services, selector, packet.data, known?.flags.timeout, {
        onClientCount,
        onAnswer,
      });
    }

    /** How many instances there are, this one included. */
    override serverCount(): Promise<number> {
      return Promise.resolve(cluster.otherMembers().length + 1);
    }

    // Socket.IO's types say what the base class returns: local sockets and details of remote ones in one list.
    // oxlint-disable-next-line typescript/no-explicit-any
    override async fetchSockets(options: BroadcastOptions): Promise<any[]> {
      const known = normalised(options);
      if (known === undefined) return [];
      if (known.flags.local === true) return super.fetchSockets(known);
      const { local, items, missing, complete } = await commands.fetch(this.selectorOf(known));
      if (!complete) warnOfMissing('fetchSockets', missing);
      return [...local, ...items];
    }

    override async sockets(rooms: Set<string>): Promise<Set<string>> {
      const known = normalised({ rooms });
      if (known === undefined) return new Set();
      const { items, missing, complete } = await commands.ids(this.selectorOf(known));
      if (!complete) warnOfMissing('allSockets', missing);
      return new Set(items);
    }

    async allRooms(): Promise<Set<string>> {
      const { items, missing, complete } = await commands.rooms(this.name);
      if (!complete) warnOfMissing('allRooms', missing);
      return new Set(items);
    }

    override addSockets(options: BroadcastOptions, rooms: unknown[]): void {
      const known = normalised(options);
      if (known === undefined) return;
      const names = roomNames(rooms);
      if (known.flags.local === true) super.addSockets(known, names);
      else router.joining(this.name, names, commands.join(this.selectorOf(known), names));
    }

    override delSockets(options: BroadcastOptions, rooms: unknown[]): void {
      const known = normalised(options);
      if (known === undefined) return;
      const names = roomNames(rooms);
      if (known.flags.local === true) super.delSockets(known, names);
      else void commands.leave(this.selectorOf(known), names);
    }

    override disconnectSockets(options: BroadcastOptions, close: boolean): void {
      const known = normalised(options);
      if (known === undefined) return;
      if (known.flags.local === true) super.disconnectSockets(known, close);
      else void commands.disconnect(this.selectorOf(known), { close });
    }

    override serverSideEmit(args: unknown[]): void {
      services.serverSide.emit(this, args);
    }

    onServerSideEmit(args: unknown[]): void {
      (this.nsp as { _onServerSideEmit(args: unknown[]): void })._onServerSideEmit(args);
    }

    deliver(delivery: Delivery): number {
      return this.keepsPackets ? this.deliverAndKeep(delivery) : this.deliverFrames(delivery);
    }

    select({ rooms, except }: SocketSelector): Socket[] {
      const sockets: Socket[] = [];
      const options = { rooms: new Set(rooms), except: new Set(except) };
      this['apply'](options, (socket: Socket) => sockets.push(socket));
      return sockets;
    }

    roomNames(): string[] {
      return [...this.rooms.keys()].filter((room) => !isReservedRoom(room));
    }

    ask(
      event: EventToAcknowledge,
      onAnswer: (socketId: string, answer: unknown) => void,
    ): { socketIds: string[]; done: Promise<void> } {
      const sockets = this.select(event);
      const nsp = this.nsp as { _ids: number };
      const question = { ...event, id: nsp._ids++ };
      const done = askSockets(sockets, question, this.dialect, reporter, onAnswer);
      return { socketIds: sockets.map(({ id }) => id), done };
    }

    override close(): Promise<void> | void {
      router.detach(this);
      this.channels.closeAll();
      return super.close();
    }

    private selectorOf({ rooms, except }: Required<BroadcastOptions>): SocketSelector {
      return { namespace: this.name, rooms: [...rooms], except: [...except] };
    }

    private deliverFrames(delivery: Delivery): number {
      const writer = new PacketWriter(delivery.packet, delivery, reporter);
      const [room] = delivery.rooms;
      let sockets = 0;
      const write = (socket: Socket | undefined): void => {
        if (socket === undefined) return;
        writer.write(socket);
        sockets++;
      };
      if (room !== undefined && delivery.rooms.length === 1 && delivery.except.length === 0) {
        for (const id of this.rooms.get(room) ?? []) write((this.nsp as Namespace).sockets.get(id));
      } else {
        this['apply'](optionsOf(delivery), write);
      }
      return sockets;
    }

    private deliverAndKeep(delivery: Delivery): number {
      const { packet } = delivery.packet;
      if (packet === undefined) return 0;
      const options = optionsOf(delivery);
      let sockets = 0;
      this['apply'](options, () => sockets++);
      // The base class appends its offset to the data, which others may still have to send.
      super.broadcast({ ...packet, data: [...packet.data] }, options);
      return sockets;
    }
  };

  function warnOfMissing(call: string, missing: readonly string[]): void {
    reporter.report(
      'request.incomplete',
      () => `${call}: no answer from ${missing.join(', ') || 'the other instances'}`,
    );
  }
}
