import type { Namespace, Server, Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { AuthenticatedSocket } from '../sockets/authenticated-socket.js';
import { isRefusal, type Authentication } from '../sockets/authentication.js';
import type { SocketStateService } from '../sockets/socket-state.service.js';
import { installDefaultAckTimeout, setDefaultAckTimeout } from './default-ack-timeout.js';
import type { AdapterConstructor } from './command-adapter.js';
import { namespaceAdapter, type NamespaceAdapter } from './namespace-adapter.js';
import type { NamespaceServices } from './namespace-services.js';

/**
 * Takes Socket.IO servers into the cluster: every namespace of theirs, those made later and dynamic ones included,
 * gets our adapter, the authentication as its first middleware, and its users into the {@link SocketStateService}.
 *
 * @internal
 */
export class SocketServers {
  /** Whom the connected sockets belong to. `socket.auth` is the app's to change, as when a user logs out. */
  private readonly members = new Map<string, { userId: string; socket: AuthenticatedSocket }>();

  constructor(
    private readonly services: NamespaceServices,
    private readonly authentication: Authentication,
    private readonly state: SocketStateService,
  ) {}

  install(server: Server): void {
    installDefaultAckTimeout(server);
    const Adapter = namespaceAdapter(
      server.adapter() as unknown as AdapterConstructor,
      this.services,
      {
        created: (nsp, adapter) => this.prepare(nsp, adapter),
        left: (id) => this.left(id),
      },
    );
    server.adapter(Adapter as unknown as Parameters<Server['adapter']>[0]);
  }

  private prepare(nsp: Namespace, adapter: NamespaceAdapter): void {
    setDefaultAckTimeout(adapter, this.services.ackTimeoutMs);
    nsp.use((socket, next) => {
      adapter.arriving(socket);
      this.admit(socket, adapter).then(next, (error: unknown) => {
        this.services.reporter.report('connection.failed', () => reasonOf(error));
        next(new Error('Internal error'));
      });
    });
    nsp.on('connection', (socket) => {
      adapter.connected(socket);
      this.connected(socket as unknown as AuthenticatedSocket);
    });
  }

  /** Resolves to the error to refuse the client with, or to undefined: its events arrive from then on. */
  private async admit(socket: Socket, adapter: NamespaceAdapter): Promise<Error | undefined> {
    const identity = await this.authentication.authenticate(socket);
    if (isRefusal(identity)) return identity;
    // Gone in the meantime: Socket.IO clears up after it.
    if (socket.client.conn.readyState === 'open') await adapter.admit(socket, identity);
    return undefined;
  }

  private connected(socket: AuthenticatedSocket): void {
    const userId = socket.auth?.userId;
    // A listener of `connect`, which comes first, may have disconnected it already.
    if (userId === undefined || !socket.connected) return;
    this.members.set(socket.id, { userId, socket });
    this.state.add(userId, socket);
  }

  private left(id: string): void {
    const member = this.members.get(id);
    if (member === undefined) return;
    this.members.delete(id);
    // The gateway's handleDisconnect, which runs right after this, still finds the socket.
    process.nextTick(() => this.state.remove(member.userId, member.socket));
  }
}
