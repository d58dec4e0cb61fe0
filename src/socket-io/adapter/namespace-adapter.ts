import type { Namespace, Socket } from 'socket.io';
import type { Adapter, BroadcastOptions, Session } from 'socket.io-adapter';
import * as standardParser from 'socket.io-parser';
import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import { shown } from '../../options/checks.js';
import { guarded } from '../../reporting/timers.js';
import { codecOf, encodeEvent } from '../../routing/packet-codec.js';
import { invalidRoom, normaliseOptions } from '../../routing/room-names.js';
import { PRESENCE_EVENT } from '../../wire/reserved-events.js';
import {
  closesEmptyNamespaces,
  encoderOf,
  onRemoved,
  parserOf,
  recoverWithoutOffset,
} from '../internals.js';
import { commandAdapter, type AdapterConstructor, type CommandAdapter } from './command-adapter.js';
import type { NamespaceRecovery } from '../../recovery/namespace-recovery.js';
import { NamespaceEndpoint } from './namespace-endpoint.js';
import type { NamespaceServices } from './namespace-services.js';
import { RecentJoins } from './recent-joins.js';
import { RoomChannels } from './room-channels.js';

/** The adapter of a namespace behind `SocketStateAdapter`. @internal */
export interface NamespaceAdapter extends CommandAdapter {
  readonly endpoint: NamespaceEndpoint;
}

/** Called for each namespace and its sockets. @internal */
export interface NamespaceHooks {
  /** Called while the namespace is created, before the app can add a middleware or a listener. */
  created(nsp: Namespace, adapter: NamespaceAdapter): void;
  /** Called when a socket leaves the namespace, before its `disconnect` event. */
  left(socket: Socket, identity: AuthenticatedIdentity | undefined): void;
}

type Packet = Parameters<Adapter['broadcast']>[0];

/**
 * Makes the adapter class that Socket.IO constructs for each namespace: a shell that hands broadcasts to the
 * {@link EventRouter}, commands to all instances, and joins and leaves to a {@link NamespaceEndpoint}. The base class is
 * the server's own choice. It is taken from the server, since an app may have several copies of socket.io-adapter.
 *
 * @internal
 */
export function namespaceAdapter(
  Base: AdapterConstructor,
  services: NamespaceServices,
  hooks: NamespaceHooks,
): new (nsp: Namespace) => NamespaceAdapter {
  const { connections, limits, reporter, router } = services;
  return class extends commandAdapter(Base, services) implements NamespaceAdapter {
    override readonly endpoint: NamespaceEndpoint;
    private readonly channels: RoomChannels;
    /** Present with the option `recovery` only. */
    private readonly recovery: NamespaceRecovery | undefined;
    private readonly direct: DirectEmits | undefined;
    private isClosing = false;
    /** Whether Socket.IO reports the end of a socket that was refused. */
    private readonly reportsRefused: boolean;

    constructor(nsp: Namespace) {
      super(nsp);
      const channels = new RoomChannels(nsp.name, router);
      this.channels = channels;
      // The option alone is reliable: there may be several copies of the standard parser.
      const codec = codecOf(parserOf(nsp.server) ?? standardParser);
      this.recovery = services.recovery?.namespace({
        name: nsp.name,
        custom: codec.custom,
        limits,
        holdChannels: (rooms) => channels.keep(rooms),
        roomsOf: (id) => [...(this.sids.get(id) ?? []), ...this.endpoint.identityRoomsOf(id)],
        renamed: (socket, before) => this.endpoint.renamed(socket, before),
        forget: (socket) => this.endpoint.forget(socket),
        vacated: () => {
          if (this.isClosing && nsp.sockets.size === 0) void this.close();
        },
      });
      if (this.recovery !== undefined) {
        recoverWithoutOffset(nsp);
        this.direct = new DirectEmits();
      }
      const joins = new RecentJoins(services.lateMs);
      const endpoint = new NamespaceEndpoint({
        namespace: nsp,
        codec,
        memory: {
          rooms: this.rooms,
          sids: this.sids,
          enter: (id, rooms) => void super.addAll(id, rooms),
          exit: (id, room) => void super.del(id, room),
          exitAll: (id) => super.delAll(id),
        },
        channels,
        joins,
        recovery: this.recovery,
        onArriving: (socket) => this.direct?.watch(socket),
        reporter,
        limits,
        connections,
        onLeft: (socket, identity) => hooks.left(socket, identity),
      });
      this.endpoint = endpoint;
      const failed = reporter.failure('transport.failed', () => `namespace ${shown(nsp.name)}`);
      const open = guarded(failed, (room: string) => channels.open(room));
      const close = guarded(failed, (room: string) => channels.close(room));
      this.on('create-room', open);
      this.on('delete-room', close);
      this.on(
        'leave-room',
        guarded(failed, (room: string, id: string) => joins.delete(id, room)),
      );
      this.reportsRefused = onRemoved(
        nsp,
        guarded(failed, (socket) => endpoint.removed(socket)),
      );
      router.namespaces.add(endpoint);
      hooks.created(nsp, this);
    }

    override addAll(id: string, rooms: Set<unknown>): Promise<void> | void {
      return this.endpoint.join(id, rooms);
    }

    override del(id: string, room: unknown): void {
      this.endpoint.leave(id, room);
    }

    /** Also called by `socket.leaveAll()`: the socket stays a member of its user and session. */
    override delAll(id: string): void {
      for (const room of this.sids.get(id) ?? []) this.recovery?.left(id, room);
      super.delAll(id);
      if (!this.reportsRefused) this.endpoint.refused(id);
    }

    override persistSession(session: Session): void {
      const own = this.endpoint.identityRoomsOf(session.sid);
      this.recovery?.disconnected({ ...session, rooms: [...session.rooms, ...own] });
    }

    override async restoreSession(pid: string, offset: string): Promise<Session> {
      // The types of Socket.IO leave out null.
      return (await this.recovery?.find(pid, offset)) as Session;
    }

    /** Never throws: delivers to the sockets of this instance if at all possible, and reports a failure. */
    override broadcast(packet: Packet, options: BroadcastOptions): void {
      const known = normaliseOptions(options, (room) => invalidRoom(reporter, room));
      if (known === undefined) return;
      const { rooms, except, flags } = known;
      if (flags.local !== true && this.direct?.isOne(rooms) === true) {
        if (packet.id === undefined) this.emitDirectly(packet, known);
        else super.broadcast(packet, known);
        return;
      }
      router.emit(
        {
          namespace: this.endpoint.name,
          data: packet.data,
          rooms: [...rooms],
          except: [...except],
          volatile: flags.volatile ?? false,
          compress: flags.compress ?? true,
        },
        flags.local === true ? this.endpoint : undefined,
      );
    }

    /** Called with recovery, because Socket.IO then hands `socket.emit()` to the adapter. The encoder makes this library's checks. */
    private emitDirectly({ data }: Packet, { rooms, flags }: Required<BroadcastOptions>): void {
      const { codec, name } = this.endpoint;
      const args = data as unknown[];
      const offset = args[0] === PRESENCE_EVENT ? undefined : router.offsets?.ofLocal();
      const encoder = encoderOf((this.nsp as Namespace).server) ?? codec.encoder;
      const whole = offset === undefined ? args : [...args, offset.text];
      this.endpoint.deliver({
        packet: encodeEvent({ ...codec, encoder }, name, whole),
        rooms: [...rooms],
        except: [],
        volatile: flags.volatile ?? false,
        compress: flags.compress ?? true,
        offset,
      });
    }

    override serverSideEmit(args: unknown[]): void {
      services.serverSide.emit(this.endpoint, args);
    }

    override close(): Promise<void> | void {
      // Socket.IO closes a dynamic namespace with its last socket, even while others are being admitted. These, and clients
      // that may come back, keep the namespace open; Socket.IO calls this again when they have left.
      this.isClosing = closesEmptyNamespaces(this.nsp as Namespace);
      if (this.isClosing && (this.endpoint.hasArrivals || this.recovery?.isEmpty === false)) return;
      router.namespaces.delete(this.endpoint);
      this.channels.closeAll();
      this.recovery?.close();
      return super.close();
    }
  };
}

/**
 * The emits of sockets to their own clients. To the adapter each looks like a broadcast to the room of the socket's id. Such an
 * emit needs no other instance, because the socket is here.
 */
class DirectEmits {
  private emitting: string | undefined;

  watch(socket: Socket): void {
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
  isOne(rooms: ReadonlySet<string>): boolean {
    const { emitting } = this;
    this.emitting = undefined;
    return emitting !== undefined && rooms.size === 1 && rooms.has(emitting);
  }
}
