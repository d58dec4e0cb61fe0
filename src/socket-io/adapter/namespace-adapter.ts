import type { Namespace, Socket } from 'socket.io';
import type { Adapter, BroadcastOptions, Session } from 'socket.io-adapter';
import * as standardParser from 'socket.io-parser';
import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import { shown } from '../../options/checks.js';
import { guarded } from '../../reporting/timers.js';
import { codecOf } from '../../routing/packet-codec.js';
import { invalidRoom, normaliseOptions } from '../../routing/room-names.js';
import {
  closesEmptyNamespaces,
  keptPackets,
  maxDisconnectionMsOf,
  onRemoved,
  parserOf,
} from '../internals.js';
import { commandAdapter, type AdapterConstructor, type CommandAdapter } from './command-adapter.js';
import { ConnectionRecovery } from './connection-recovery.js';
import { NamespaceEndpoint } from './namespace-endpoint.js';
import type { NamespaceServices } from './namespace-services.js';
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
 * the server's own choice (the plain adapter, or the one with connection state recovery). It is taken from the server,
 * since an app may have several copies of socket.io-adapter.
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
    /** Present with connection state recovery only. */
    private readonly recovery: ConnectionRecovery | undefined;
    /** Whether Socket.IO reports the end of a socket that was refused. */
    private readonly reportsRefused: boolean;

    constructor(nsp: Namespace) {
      super(nsp);
      const channels = new RoomChannels(nsp.name, router);
      this.channels = channels;
      if (keptPackets(this) !== undefined) {
        this.recovery = new ConnectionRecovery({
          packets: () => keptPackets(this) ?? [],
          store: (packet, options) => super.broadcast(packet as Packet, options),
          keepChannels: (rooms) => channels.keep(rooms),
          reporter,
        });
      }
      const endpoint = new NamespaceEndpoint({
        namespace: nsp,
        // The option alone is reliable: there may be several copies of the standard parser.
        codec: codecOf(parserOf(nsp.server) ?? standardParser),
        memory: {
          rooms: this.rooms,
          sids: this.sids,
          enter: (id, rooms) => void super.addAll(id, rooms),
          exit: (id, room) => void super.del(id, room),
        },
        channels,
        recovery: this.recovery,
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
      super.delAll(id);
      if (!this.reportsRefused) this.endpoint.refused(id);
    }

    override persistSession(session: Session): void {
      const own = this.endpoint.identityRoomsOf(session.sid);
      const whole = { ...session, rooms: [...session.rooms, ...own] };
      this.recovery?.disconnected(whole, maxDisconnectionMsOf(this, this.nsp as Namespace));
      super.persistSession(whole);
    }

    override async restoreSession(pid: string, offset: string): Promise<Session> {
      const session = (await super.restoreSession(pid, offset)) as Session | null;
      // The types of Socket.IO leave out null.
      return (session && this.recovery?.claim(session, offset)) as Session;
    }

    /** Never throws: delivers to the sockets of this instance if at all possible, and reports a failure. */
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

    override serverSideEmit(args: unknown[]): void {
      services.serverSide.emit(this.endpoint, args);
    }

    override close(): Promise<void> | void {
      // Socket.IO closes a dynamic namespace with its last socket, even while others are being admitted. Those keep the
      // namespace open; Socket.IO calls this again when they have left.
      if (closesEmptyNamespaces(this.nsp as Namespace) && this.endpoint.hasArrivals) return;
      router.namespaces.delete(this.endpoint);
      this.channels.closeAll();
      this.recovery?.close();
      return super.close();
    }
  };
}
