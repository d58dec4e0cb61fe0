import type { Namespace, Server, Socket } from 'socket.io';
import { reasonOf } from '../../errors.js';
import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import { misused, shown } from '../../options/checks.js';
import type { AuthenticatedSocket } from '../../auth/authenticated-socket.js';
import { AuthRefusal, isRefusal } from '../../auth/auth-refusal.js';
import type { Authentication, SocketGate, SocketListener } from '../../auth/authentication.js';
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
import { encoderOf, hasOwnRecovery, switchRecoveryOn } from '../internals.js';
import { guarded, nextTick } from '../../reporting/timers.js';

/**
 * Installs this library in Socket.IO servers. Every namespace, including later and dynamic ones, gets the adapter and the
 * authentication as its first middleware, and its users get into the {@link SocketStateService}.
 *
 * @internal
 */
export class SocketServers {
  private readonly limits: ClientLimits;
  private readonly internals: InternalsCheck;
  private readonly arrivals: Arrivals;
  /** The identities of sockets that {@link admit} has admitted. Not a property of the socket, which handlers could set. */
  private readonly admitted = new WeakMap<Socket, AuthenticatedIdentity | null>();

  constructor(
    private readonly services: NamespaceServices,
    private readonly authentication: Authentication,
    private readonly state: SocketStateService,
    private readonly expiry: TokenExpiry,
    private readonly refresh: TokenRefresh,
    refusals: Refusals,
    private readonly gate?: SocketGate,
    private readonly presence?: SocketListener,
  ) {
    this.arrivals = new Arrivals(
      refusals,
      services.reporter,
      (socket) => authentication.addressOf(socket),
      services.recovery?.searchMs,
    );
    this.limits = new ClientLimits(services.limits, refusals, services.reporter);
    this.internals = new InternalsCheck(services.reporter);
  }

  /** Number of installed servers. */
  get count(): number {
    return this.services.connections.servers.size;
  }

  has(server: Server): boolean {
    return this.services.connections.servers.has(server);
  }

  /**
   * Installs this library in a server, once.
   *
   * @throws PropagatorError `option.invalid` if the server has another adapter with a transport, or Socket.IO's own recovery
   */
  install(server: Server): void {
    if (this.has(server)) return;
    const Base = inMemoryAdapterOf(server);
    if (hasOwnRecovery(server)) throw ownRecovery();
    const { recovery } = this.services;
    if (recovery !== undefined) switchRecoveryOn(server, recovery.maxDisconnectionMs);
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
    // A server that does not listen yet has no engine.
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
   * Checks events for one socket and acknowledgements, which bypass the adapter. Socket.IO sends data that looks like a
   * placeholder of binary data unchanged; the client would close its connection, or find other data there.
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
      this.arrive(socket, endpoint, pass)
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

  private async arrive(
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

  /** Closes the connection of a socket in an unknown state: it must not stay half admitted. */
  private endFailed(socket: Socket, error: unknown): void {
    this.failed(socket, error);
    this.services.reporter.attempt(
      'connection.failed',
      () => `socket ${socket.id}`,
      () => socket.conn.close(true),
    );
  }

  /** Resolves to the error that refuses the client, or to undefined when events for the socket arrive. */
  private async admit(socket: Socket, endpoint: NamespaceEndpoint): Promise<Error | undefined> {
    const since = this.authentication.revocations.now();
    if (this.isTooLong('namespace', socket.nsp.name)) return new Error('Invalid namespace');
    const identity = await this.authentication.authenticate(socket);
    if (isRefusal(identity)) return identity;
    if (identity !== null && this.isTooLong('user id', identity.userId)) {
      return new AuthRefusal('auth.failed');
    }
    if (isOpen(socket)) await endpoint.takeSession(socket, identity);
    const refusal = identity && (await this.gate?.admit(socket, identity));
    if (isRefusal(refusal)) return refusal;
    this.expiry.admitted(socket, identity?.expiresAt);
    const { draining } = this.services.connections;
    if (draining.active) draining.turnAway(socket);
    // If the client has left meanwhile, Socket.IO cleans up.
    if (isOpen(socket)) await endpoint.admit(socket, identity);
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

  /** Channel names contain namespaces and user ids. Clients choose dynamic namespaces, and tokens name users. */
  private isTooLong(kind: string, name: string): boolean {
    const { nameBytes } = this.services.limits;
    if (!isLonger(name, nameBytes)) return false;
    this.services.reporter.report(
      'name.too-long',
      () =>
        `${kind} ${shown(name)} takes more than limits.nameBytes (${nameBytes}); the client was refused`,
    );
    return true;
  }

  /**
   * Disconnects a socket that got past {@link admit}. Dynamic namespaces of Socket.IO 4.7 lose the middlewares that are
   * added during their creation; connection recovery can skip middlewares; an app can replace them.
   */
  private endUnlessAdmitted(socket: Socket): boolean {
    if (this.admitted.has(socket)) return false;
    this.services.reporter.report(
      'connection.not-admitted',
      () =>
        `socket ${socket.id} of namespace ${shown(socket.nsp.name)} got past the authentication and was disconnected. ` +
        'Update socket.io to 4.8 or newer, and leave the first middleware of each namespace where it is.',
    );
    // Closes the connection too: nothing that a gateway sends to the socket from now on reaches the client.
    socket.disconnect(true);
    return true;
  }

  /** @param userId the user at admission; the app may change `socket.auth`, for example at a logout */
  private connected(socket: AuthenticatedSocket, userId: string | undefined): void {
    // A listener of `connect` runs earlier and may have disconnected the socket.
    if (!socket.connected) return;
    this.refresh.listen(socket);
    this.presence?.listen(socket);
    this.expiry.connected(socket);
    // Listeners of the app have run, and may have disconnected the socket: it would stay in the state for ever.
    if (userId === undefined || !socket.connected) return;
    this.state.connected(userId, socket);
  }

  private left(socket: Socket, identity: AuthenticatedIdentity | undefined): void {
    this.arrivals.left(socket);
    this.expiry.left(socket.id);
    this.gate?.left(socket.id);
    this.presence?.left(socket.id);
    if (identity === undefined) return;
    // The gateway's handleDisconnect, which runs right after this, still finds the socket.
    const failed = this.services.reporter.failure('listener.failed', () => `socket ${socket.id}`);
    nextTick(failed, () => this.state.left(identity.userId, socket as AuthenticatedSocket));
  }
}

function isOpen({ client }: Socket): boolean {
  return client.conn.readyState === 'open';
}

function ownRecovery(): Error {
  return misused(
    'connectionStateRecovery',
    'an option of a Socket.IO server',
    'Leave it out there, and set the option "recovery" of RedisPropagatorModule on all instances: it recovers clients on any of them.',
  );
}

function codeOf(refusal: Error): string {
  return isRefusal(refusal) ? refusal.data.code : 'connection.failed';
}
