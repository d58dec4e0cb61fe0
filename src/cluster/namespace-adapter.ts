import type { Namespace, Socket } from 'socket.io';
import type { Adapter, BroadcastOptions } from 'socket.io-adapter';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { Reporter } from '../reporting/reporter.js';
import type { ChannelHold } from './channel-holds.js';
import { dialectOfServer } from './dialects.js';
import type { EventRouter } from './event-router.js';
import type { Delivery, Dialect, LocalNamespace } from './local-namespace.js';
import { PacketWriter } from './packet-writer.js';
import { AUTHENTICATED_ROOM, isReservedRoom, userRoom } from './reserved-rooms.js';
import { RoomChannels } from './room-channels.js';

export type AdapterConstructor = new (nsp: Namespace) => Adapter;

/** The adapter of a namespace behind `SocketStateAdapter`. @internal */
export interface NamespaceAdapter extends Adapter {
  /** Resolves once the namespace's own channel is subscribed, or waiting for it has taken too long. */
  readonly ready: Promise<void>;
  /** Puts a socket into the reserved rooms of its user; resolves when events for that user arrive. */
  admit(id: string, identity: AuthenticatedIdentity): Promise<void> | undefined;
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
 * Makes an adapter of Socket.IO's in-memory adapter: whatever goes through it takes the road of {@link EventRouter}.
 * The base class is the server's own choice (its plain adapter, or the one with connection state recovery), taken
 * from the server, since an app may have several copies of socket.io-adapter.
 *
 * @internal
 */
export function namespaceAdapter(
  Base: AdapterConstructor,
  router: EventRouter,
  reporter: Reporter,
  hooks: NamespaceHooks,
): new (nsp: Namespace) => NamespaceAdapter {
  return class extends Base implements NamespaceAdapter, LocalNamespace {
    readonly name: string;
    readonly dialect: Dialect;
    private readonly namespaceChannel: ChannelHold;
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
      this.namespaceChannel = router.attach(this);
      hooks.created(nsp, this);
    }

    get ready(): Promise<void> {
      return this.namespaceChannel.ready;
    }

    admit(id: string, { userId }: AuthenticatedIdentity): Promise<void> | undefined {
      const rooms = [userRoom(userId), AUTHENTICATED_ROOM];
      void super.addAll(id, new Set(rooms));
      return this.channels.ready(rooms);
    }

    /** Resolves once events for the rooms arrive. Reserved rooms are not entered by name. */
    override addAll(id: string, rooms: Set<string>): Promise<void> | void {
      const allowed = new Set(rooms);
      for (const room of rooms) {
        if (!isReservedRoom(room) || this.sids.get(id)?.has(room)) continue;
        allowed.delete(room);
        reporter.report('room.reserved', () => `socket ${id} was kept out of room "${room}"`);
      }
      void super.addAll(id, allowed);
      return this.channels.ready(allowed);
    }

    /** A socket is in its user's room as long as it is connected. */
    override del(id: string, room: string): Promise<void> | void {
      if (isReservedRoom(room)) {
        reporter.report('room.reserved', () => `socket ${id} was kept in room "${room}"`);
        return undefined;
      }
      return super.del(id, room);
    }

    override delAll(id: string): void {
      hooks.left(id);
      super.delAll(id);
    }

    override broadcast(packet: Packet, options: BroadcastOptions): void {
      const { flags } = options;
      if (flags?.local === true) {
        super.broadcast(packet, options);
        return;
      }
      router.broadcast({
        namespace: this.name,
        data: packet.data,
        rooms: [...options.rooms],
        except: [...(options.except ?? [])],
        volatile: flags?.volatile ?? false,
        compress: flags?.compress ?? true,
      });
    }

    deliver(delivery: Delivery): number {
      return this.keepsPackets ? this.deliverAndKeep(delivery) : this.deliverFrames(delivery);
    }

    override close(): Promise<void> | void {
      router.detach(this);
      this.namespaceChannel.release();
      this.channels.closeAll();
      return super.close();
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
}

function optionsOf({ rooms, except, volatile, compress }: Delivery): BroadcastOptions {
  return {
    rooms: new Set(rooms),
    except: new Set(except),
    // Absent rather than false: the base class asks whether the flag is undefined.
    flags: { ...(volatile && { volatile }), ...(!compress && { compress }) },
  };
}
