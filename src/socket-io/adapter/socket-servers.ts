import type { Namespace, Server, Socket } from 'socket.io';
import { reasonOf } from '../../errors.js';
import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import { shown } from '../../options/checks.js';
import type { AuthenticatedSocket } from '../../auth/authenticated-socket.js';
import { AuthRefusal, isRefusal } from '../../auth/auth-refusal.js';
import type { Authentication, SocketGate } from '../../auth/authentication.js';
import { Arrivals } from './arrivals.js';
import type { Refusals } from '../../auth/refusals.js';
import type { SocketStateService } from '../../auth/socket-state.service.js';
import type { TokenExpiry } from '../../auth/token-expiry.js';
import type { TokenRefresh } from '../../auth/token-refresh.js';
import { isLonger } from '../../wire/channel-names.js';
import { hasFalsePlaceholder, withoutFalsePlaceholders } from '../../wire/false-placeholders.js';
import type { SocketIoPacket } from '../../wire/wire-packet.js';
import { installDefaultAckTimeout, setDefaultAckTimeout } from './default-ack-timeout.js';
import { ClientLimits } from '../connections/client-limits.js';
import { disconnectIfRequested, rememberArrival } from '../connections/disconnect-sockets.js';
import { InternalsCheck } from '../internals-check.js';
import { inMemoryAdapterOf, keepAdapter } from './command-adapter.js';
import { namespaceAdapter, type NamespaceAdapter } from './namespace-adapter.js';
import type { NamespaceEndpoint } from './namespace-endpoint.js';
import type { NamespaceServices } from './namespace-services.js';
import { encoderOf } from '../internals.js';
import { guarded, nextTick } from '../../reporting/timers.js';

/**
 * Takes Socket.IO servers into the cluster: every namespace of theirs, those made later and dynamic ones included,
 * gets our adapter, the authentication as its first middleware, and its users into the {@link SocketStateService}.
 *
 * @internal
 */
export class SocketServers {
  /** How many gateways have one of these servers. */
  gateways = 0;
  private readonly limits: ClientLimits;
  private readonly internals: InternalsCheck;
  private readonly arrivals: Arrivals;
  /** Whom {@link admit} let in as whom. Not a property of the socket, which clients and handlers could set. */
  private readonly admitted = new WeakMap<Socket, AuthenticatedIdentity | null>();

  constructor(
    private readonly services: NamespaceServices,
    private readonly authentication: Authentication,
    private readonly state: SocketStateService,
    private readonly expiry: TokenExpiry,
    private readonly refresh: TokenRefresh,
    refusals: Refusals,
    private readonly gate?: SocketGate,
  ) {
    this.arrivals = new Arrivals(refusals, services.reporter, (socket) =>
      authentication.addressOf(socket),
    );
    this.limits = new ClientLimits(services.limits, refusals, services.reporter);
    this.internals = new InternalsCheck(services.reporter);
  }

  /** How many servers are taken in. */
  get count(): number {
    return this.services.connections.servers.size;
  }

  /**
   * Takes a server in, once.
   *
   * @throws PropagatorError `option.invalid` where the server has another adapter with a transport
   */
  install(server: Server): void {
    if (this.services.connections.servers.has(server)) return;
    const Base = inMemoryAdapterOf(server);
    installDefaultAckTimeout(server);
    this.services.connections.servers.add(server);
    const Adapter = namespaceAdapter(Base, this.services, {
      created: (nsp, adapter) => this.prepare(nsp, adapter),
      left: (socket, identity) => this.left(socket, identity),
    });
    server.adapter(Adapter as unknown as Parameters<Server['adapter']>[0]);
    keepAdapter(server);
    this.guardEncoder(server);
    this.internals.server(server);
    // A server that listens nowhere yet has no engine.
    const { engine } = server as { engine?: Server['engine'] };
    engine?.on(
      'connection',
      guarded(
        this.services.reporter.failure('connection.failed', () => 'a new connection'),
        (connection: Socket['conn']) => this.arrivals.watch(connection),
      ),
    );
  }

  /**
   * Events for one socket and acknowledgements do not come past the adapter. Socket.IO would send data that looks like a place
   * of binary data as it is, and the client would close its connection, or find other data there.
   */
  private guardEncoder(server: Server): void {
    const encoder = encoderOf(server);
    if (encoder === undefined) return;
    const encode = encoder.encode.bind(encoder);
    encoder.encode = (packet: SocketIoPacket): unknown[] => {
      const parts = encode(packet);
      if (!hasFalsePlaceholder(parts)) return parts;
      this.services.reporter.report(
        'packet.placeholder',
        () =>
          `an event for one socket, or an acknowledgement, in namespace ${shown(packet.nsp)}: null was sent for each object with "_placeholder": true`,
      );
      return encode({ ...packet, data: withoutFalsePlaceholders(packet.data) });
    };
  }

  private prepare(nsp: Namespace, adapter: NamespaceAdapter): void {
    setDefaultAckTimeout(
      adapter,
      this.services.ackTimeoutMs,
      this.services.reporter.failure('listener.failed', () => 'an acknowledgement'),
    );
    const { endpoint } = adapter;
    nsp.use((socket, pass) => {
      this.letIn(socket, endpoint, pass)
        // A middleware of the app threw, or a listener of the connection.
        .catch((error: unknown) => pass(this.failed(socket, error)))
        .catch((error: unknown) => this.endFailed(socket, error));
    });
    const guard = (act: (socket: Socket) => void) => (socket: Socket) =>
      guarded((error) => this.endFailed(socket, error), act)(socket);
    // Emitted before `connection`, where Nest hands the socket to gateways.
    const connect = guard((socket) => {
      if (!this.endUnlessAdmitted(socket)) endpoint.connected(socket);
    });
    const connection = guard((socket) => {
      if (!this.admitted.has(socket)) return;
      this.arrivals.connected(socket);
      this.internals.connected(socket);
      const identity = endpoint.identityOf(socket.id);
      this.limits.connected(socket, identity?.userId);
      this.connected(socket as unknown as AuthenticatedSocket, identity?.userId);
      disconnectIfRequested(socket, this.services.reporter);
    });
    nsp.on('connect', connect);
    nsp.on('connection', connection);
  }

  private async letIn(
    socket: Socket,
    endpoint: NamespaceEndpoint,
    pass: (error?: Error) => void,
  ): Promise<void> {
    if (!this.arrivals.begin(socket, pass)) return;
    rememberArrival(socket);
    endpoint.arriving(socket);
    let refusal: Error | undefined;
    try {
      refusal = await this.admit(socket, endpoint);
    } catch (error) {
      refusal = this.failed(socket, error);
    }
    if (refusal !== undefined) this.arrivals.refused(socket, codeOf(refusal));
    pass(refusal);
  }

  /** Nobody knows what has become of the socket: it must not stay half let in. */
  private endFailed(socket: Socket, error: unknown): void {
    this.failed(socket, error);
    this.services.reporter.attempt(
      'connection.failed',
      () => `socket ${socket.id}`,
      () => socket.conn.close(true),
    );
  }

  /** Resolves to the error to refuse the client with, or to undefined: its events arrive from then on. */
  private async admit(socket: Socket, endpoint: NamespaceEndpoint): Promise<Error | undefined> {
    const since = this.authentication.revocations.now();
    if (this.isTooLong('namespace', socket.nsp.name)) return new Error('Invalid namespace');
    const identity = await this.authentication.authenticate(socket);
    if (isRefusal(identity)) return identity;
    if (identity !== null && this.isTooLong('user id', identity.userId)) {
      return new AuthRefusal('auth.failed');
    }
    const refusal = identity && (await this.gate?.admit(socket, identity));
    if (isRefusal(refusal)) return refusal;
    this.expiry.admitted(socket, identity?.expiresAt);
    const { draining } = this.services.connections;
    if (draining.active) draining.turnAway(socket);
    // Gone in the meantime: Socket.IO clears up after it.
    if (socket.client.conn.readyState === 'open') await endpoint.admit(socket, identity);
    const revoked =
      identity === null ? undefined : this.authentication.refusalOf(identity, since, socket);
    if (revoked === undefined) this.admitted.set(socket, identity);
    return revoked;
  }

  private failed(socket: Socket, error: unknown): Error {
    this.services.reporter.report(
      'connection.failed',
      () => `the client at ${this.authentication.addressOf(socket)}: ${reasonOf(error)}`,
    );
    return new Error('Internal error');
  }

  /** Namespaces and users become names of channels. Clients choose those of dynamic namespaces, and tokens those of users. */
  private isTooLong(what: string, name: string): boolean {
    const { nameBytes } = this.services.limits;
    if (!isLonger(name, nameBytes)) return false;
    this.services.reporter.report(
      'name.too-long',
      () =>
        `${what} ${shown(name)} takes more than limits.nameBytes (${nameBytes}); the client was refused`,
    );
    return true;
  }

  /**
   * Ends a socket that got past {@link admit}. Dynamic namespaces of Socket.IO 4.7 lose the middlewares that are added
   * while they are made; connection state recovery can skip middlewares; an app can replace them.
   */
  private endUnlessAdmitted(socket: Socket): boolean {
    if (this.admitted.has(socket)) return false;
    this.services.reporter.report(
      'connection.not-admitted',
      () =>
        `socket ${socket.id} of namespace ${shown(socket.nsp.name)} got past the authentication and was disconnected. ` +
        'Update socket.io to 4.8 or newer, and leave the first middleware of each namespace where it is.',
    );
    // With its connection: what a gateway sends to the socket from now on goes nowhere.
    socket.disconnect(true);
    return true;
  }

  /** @param userId whom it was let in as: `socket.auth` is the app's to change, as when a user logs out */
  private connected(socket: AuthenticatedSocket, userId: string | undefined): void {
    // A listener of `connect`, which comes first, may have disconnected it already.
    if (!socket.connected) return;
    this.refresh.listen(socket);
    this.expiry.connected(socket);
    // Listeners of the app have run: nobody would take a socket that is gone out again.
    if (userId === undefined || !socket.connected) return;
    this.state.keep(userId, socket);
  }

  private left(socket: Socket, identity: AuthenticatedIdentity | undefined): void {
    this.arrivals.left(socket);
    this.expiry.left(socket.id);
    this.gate?.left(socket.id);
    if (identity === undefined) return;
    // The gateway's handleDisconnect, which runs right after this, still finds the socket.
    const failed = this.services.reporter.failure('listener.failed', () => `socket ${socket.id}`);
    nextTick(failed, () => this.state.letGo(identity.userId, socket as AuthenticatedSocket));
  }
}

function codeOf(refusal: Error): string {
  return isRefusal(refusal) ? refusal.data.code : 'connection.failed';
}
