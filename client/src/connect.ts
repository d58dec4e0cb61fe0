import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import type {
  ClientToServer,
  NamespaceOf,
  ServerToClient,
} from '../../src/contract/event-types.js';
import { Connection } from './connection.js';
import type { GapNotice } from './link.js';
import type { OutboxOptions } from './outbox.js';
import type { ConnectionStatus } from './status.js';
import type { Store } from './store.js';
import type { GetToken } from './tokens.js';

/**
 * The contract of the app, declared once:
 *
 * ```ts
 * declare module 'nestjs-redis-propagator-client' {
 *   interface ClientTypes {
 *     contract: typeof contract;
 *   }
 * }
 * ```
 */
// The interface is empty so that an app can augment it.
// oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-empty-interface
export interface ClientTypes {}

/** The declared contract; `unknown`, any event, if none is. */
export type DeclaredContract = ClientTypes extends { contract: infer Contract }
  ? Contract
  : unknown;

/** Any event with any data. */
export interface AnyEvents {
  // The parameters of a listener are compared with those of any function.
  // oxlint-disable-next-line typescript/no-explicit-any
  [event: string]: (...args: any[]) => void;
}

/** The events that the server sends by itself, in every namespace. */
export interface PropagatorEvents {
  'propagator:disconnect': (notice: { reason: string; reconnectInMs?: number }) => void;
  'auth:expiring': (notice: { expiresAt: number; expiresInMs: number }) => void;
}

/** The events that a client gets in a namespace. */
export type Received<Contract, Namespace extends string> = unknown extends Contract
  ? AnyEvents
  : PropagatorEvents & ServerToClient<Contract, Namespace>;

/** The events that a client sends in a namespace. */
export type Emitted<Contract, Namespace extends string> = unknown extends Contract
  ? AnyEvents
  : ClientToServer<Contract, Namespace>;

/** The options of {@link connect}: those of Socket.IO's `io()`, and the following. */
export interface ConnectOptions extends Omit<Partial<ManagerOptions & SocketOptions>, 'auth'> {
  /** Called for each connection, and when the server needs a newer token. */
  readonly getToken?: GetToken | undefined;
  /** The fields of the handshake besides the token, such as `{ metadata: { device: 'phone' } }`. */
  readonly auth?: object | (() => object) | undefined;
  /** The limits of `emitOnce`. */
  readonly outbox?: OutboxOptions | undefined;
}

/** The members that {@link connect} adds to the socket of Socket.IO. */
export interface PropagatorSocket<Contract, Namespace extends string> {
  /** Whether the socket is connected, and if not, the reason. */
  readonly status: Store<ConnectionStatus>;
  /** The socket of another namespace, over the same connection. It has the same `autoConnect`. */
  of<N extends NamespaceOf<Contract>>(namespace: N): ClientSocket<Contract, N>;
  /** Closes the transport, if there is one, and connects again, without a pause. Recovery works as after a loss. */
  readonly reconnect: () => void;
  /** Disconnects the sockets of all namespaces. `connect()` of each connects it again. */
  readonly end: () => void;
  /** Called when the socket is connected again, and all missed events are coming. Returns a function that ends the subscription. */
  readonly onRecovered: (listener: () => void) => () => void;
  /** Called when the socket is connected again, but not recovered: load the state from the server. Returns as above. */
  readonly onReload: (listener: () => void) => () => void;
  /** Called when events for this socket are lost between instances: load the state of the targets. Returns as above. */
  readonly onGap: (listener: (gap: GapNotice) => void) => () => void;
  /**
   * Sends an event until it is acknowledged, over lost connections and other instances. A handler with `@Once()` runs once for
   * each event. Events are sent in order, one after the other.
   *
   * @throws EmitError if the outbox is full, the time is over, the socket is disconnected by the app, or the answer is an error
   */
  readonly emitOnce: Socket<
    Received<Contract, Namespace>,
    Emitted<Contract, Namespace>
  >['emitWithAck'];
}

/** The socket of Socket.IO, typed by a contract, with the members that {@link connect} adds. */
export type ClientSocket<Contract = DeclaredContract, Namespace extends string = '/'> = Socket<
  Received<Contract, Namespace>,
  Emitted<Contract, Namespace>
> &
  PropagatorSocket<Contract, Namespace>;

/**
 * Connects to a server with nestjs-redis-propagator, and returns the socket of Socket.IO.
 *
 * ```ts
 * const socket = connect<typeof contract>('https://api.example.com', { getToken: () => session.token() });
 * socket.on('order-update', (order) => show(order));
 * ```
 *
 * @param url as for `io()`, with the namespace as its path. A function is called before each attempt.
 */
export function connect<Contract = DeclaredContract, Namespace extends string = '/'>(
  url: string | (() => string),
  options: ConnectOptions = {},
): ClientSocket<Contract, Namespace> {
  const { getToken: _, auth: __, outbox: ___, autoConnect = true, ...given } = options;
  const socket = io(typeof url === 'function' ? url() : url, {
    ...given,
    forceNew: true,
    autoConnect: false,
    reconnection: false,
  });
  const connection = new Connection(socket.io, url, options);
  const wrapped = (plain: Socket): ClientSocket<Contract, Namespace> => {
    if ('emitOnce' in plain) return plain as unknown as ClientSocket<Contract, Namespace>;
    const { status, recovered, reload, gap, outbox } = connection.link(plain);
    const more: PropagatorSocket<unknown, string> = {
      status,
      of: (namespace) => wrapped(socket.io.socket(namespace, given)),
      reconnect: connection.reconnect,
      end: connection.end,
      onRecovered: recovered.add,
      onReload: reload.add,
      onGap: gap.add,
      emitOnce: outbox.emit as never,
    };
    Object.assign(plain, more);
    if (autoConnect) plain.connect();
    return plain as unknown as ClientSocket<Contract, Namespace>;
  };
  return wrapped(socket);
}
