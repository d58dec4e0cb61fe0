import { types } from 'node:util';
import type { Namespace, Server, Socket } from 'socket.io';
import type { PacketEncoder, PacketParser } from '../ports/packet-parser.js';

/**
 * Every private member of Socket.IO and socket.io-adapter that this library uses; those of Engine.IO and ws are in
 * engine-socket.ts. No other file names a private member. {@link serverFaults} and {@link socketFaults} list those that
 * are not as expected; the functions here then take the public path.
 */

type Acknowledge = (...answer: unknown[]) => void;

interface PrivateServer {
  readonly opts?: {
    readonly parser?: PacketParser;
    readonly cleanupEmptyChildNamespaces?: boolean;
    connectionStateRecovery?: RecoverySwitch | undefined;
  };
  readonly _nsps?: ReadonlyMap<string, Namespace>;
  readonly encoder?: PacketEncoder;
}

/** The option of a server by which Socket.IO gives connections private ids, and asks the adapter for their sessions. */
interface RecoverySwitch {
  readonly maxDisconnectionDuration: number;
  readonly skipMiddlewares: boolean;
}

/** Flags of a broadcast that concern acknowledgements. @internal */
export interface AckFlags {
  timeout?: number;
  readonly expectSingleResponse?: boolean;
}

interface PrivateOperator {
  readonly flags?: AckFlags;
  readonly adapter?: object;
}

interface PrivateNamespace {
  _ids?: number;
  _onServerSideEmit?: (this: Namespace, args: unknown[]) => void;
  _remove?: (this: Namespace, socket: Socket) => void;
  readonly _preConnectSockets?: Map<string, Socket>;
  _createSocket?: (this: Namespace, client: unknown, auth: unknown) => Promise<Socket>;
}

interface PrivateSocket {
  readonly acks?: Map<number, Acknowledge>;
  readonly _anyOutgoingListeners?: readonly unknown[];
  recovered: boolean;
  pid?: string;
}

interface PrivateClient {
  readonly sockets?: ReadonlyMap<string, Socket>;
}

const serverOf = (server: Server): PrivateServer => server as unknown as PrivateServer;
const namespaceOf = (nsp: Namespace): PrivateNamespace => nsp as unknown as PrivateNamespace;
const socketOf = (socket: Socket): PrivateSocket => socket as unknown as PrivateSocket;
const clientOf = (client: Socket['client']): PrivateClient => client as unknown as PrivateClient;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Return a private member only if it is of the expected kind. */
const asMap = <K, V>(value: ReadonlyMap<K, V> | undefined): Map<K, V> | undefined =>
  types.isMap(value) ? (value as Map<K, V>) : undefined;
const asFunction = <F>(value: F | undefined): F | undefined =>
  typeof value === 'function' ? value : undefined;

/** Private members of a server and its namespaces that are not as expected. @internal */
export function serverFaults(server: Server): string[] {
  const faults: string[] = [];
  const { opts, _nsps, encoder } = serverOf(server);
  if (!isObject(opts)) faults.push('Server.opts');
  if (asMap(_nsps) === undefined) faults.push('Server._nsps');
  if (typeof encoder?.encode !== 'function') faults.push('Server.encoder');
  const { _ids, _onServerSideEmit, _remove } = namespaceOf(server.of('/'));
  if (typeof _ids !== 'number') faults.push('Namespace._ids');
  if (typeof _onServerSideEmit !== 'function') faults.push('Namespace._onServerSideEmit');
  if (typeof _remove !== 'function') faults.push('Namespace._remove');
  const operator = server.in('nobody');
  if (ackFlagsOf(operator) === undefined) faults.push('BroadcastOperator.flags');
  if (adapterOf(operator) !== server.of('/').adapter) faults.push('BroadcastOperator.adapter');
  if (isObject(opts) && opts.connectionStateRecovery !== undefined) {
    const { _preConnectSockets, _createSocket } = namespaceOf(server.of('/'));
    if (asMap(_preConnectSockets) === undefined) faults.push('Namespace._preConnectSockets');
    if (asFunction(_createSocket) === undefined) faults.push('Namespace._createSocket');
  }
  return faults;
}

/** Whether an app has switched on Socket.IO's own connection recovery. @internal */
export function hasOwnRecovery(server: Server): boolean {
  return isObject(serverOf(server).opts?.connectionStateRecovery);
}

/**
 * Makes Socket.IO give connections private ids, and ask the adapter for their sessions. All middlewares run for a recovered
 * connection, because its token may have expired meanwhile.
 *
 * @internal
 */
export function switchRecoveryOn(server: Server, maxDisconnectionDuration: number): void {
  const { opts } = serverOf(server);
  if (isObject(opts)) {
    opts.connectionStateRecovery = { maxDisconnectionDuration, skipMiddlewares: false };
  }
}

/** Makes a client that has received no event yet ask for its session, too: Socket.IO asks only with an offset. @internal */
export function recoverWithoutOffset(nsp: Namespace): void {
  const internal = namespaceOf(nsp);
  const create = asFunction(internal._createSocket);
  if (create === undefined) return;
  internal._createSocket = (client, auth) => {
    const { pid, offset } = (auth ?? {}) as { pid?: unknown; offset?: unknown };
    const isWithout = typeof pid === 'string' && offset === undefined;
    return create.call(nsp, client, isWithout ? { ...(auth as object), offset: '' } : auth);
  };
}

/** The flags of a broadcast; undefined if the operator does not show them. @internal */
export function ackFlagsOf(operator: object): AckFlags | undefined {
  const { flags } = operator as PrivateOperator;
  return isObject(flags) ? flags : undefined;
}

/** The adapter of a broadcast; undefined if the operator does not show it. @internal */
export function adapterOf(operator: object): object | undefined {
  const { adapter } = operator as PrivateOperator;
  return isObject(adapter) ? adapter : undefined;
}

/** Private members of a socket and its client that are not as expected. @internal */
export function socketFaults(socket: Socket): string[] {
  const faults: string[] = [];
  if (acksOf(socket) === undefined) faults.push('Socket.acks');
  if (!showsOutgoingListeners(socket)) faults.push('Socket._anyOutgoingListeners');
  if (asMap(clientOf(socket.client).sockets) === undefined) faults.push('Client.sockets');
  return faults;
}

/** The parser that the app has chosen for a server, if any. @internal */
export function parserOf(server: Server): PacketParser | undefined {
  const parser = serverOf(server).opts?.parser;
  return typeof parser?.Encoder === 'function' ? parser : undefined;
}

/** The encoder of a server's direct emits and acknowledgements, which bypass the adapter. @internal */
export function encoderOf(server: Server): PacketEncoder | undefined {
  const { encoder } = serverOf(server);
  return typeof encoder?.encode === 'function' ? encoder : undefined;
}

/** Whether the server of a namespace closes a dynamic namespace when its last socket has left. @internal */
export function closesEmptyNamespaces(nsp: Namespace): boolean {
  return serverOf(nsp.server).opts?.cleanupEmptyChildNamespaces === true;
}

/** The namespaces of a server. The public path finds only the root namespace. @internal */
export function namespacesOf(server: Server): Iterable<Namespace> {
  return asMap(serverOf(server)._nsps)?.values() ?? [server.of('/')];
}

/** The sockets of a client, in all namespaces. @internal */
export function socketsOf(socket: Socket): Socket[] {
  const { client } = socket;
  const sockets = asMap(clientOf(client).sockets);
  if (sockets !== undefined) return [...sockets.values()];
  return [...namespacesOf(socket.nsp.server)].flatMap((nsp) =>
    [...nsp.sockets.values()].filter((other) => other.client === client),
  );
}

/** Calls the listeners of `serverSideEmit`. They may throw. @internal */
export function callServerSide(nsp: Namespace, args: unknown[]): void {
  const call = asFunction(namespaceOf(nsp)._onServerSideEmit);
  if (call !== undefined) {
    call.call(nsp, args);
    return;
  }
  const [event, ...rest] = args;
  const listeners = nsp.listeners(event as 'connection') as unknown as Acknowledge[];
  for (const listener of listeners) listener.apply(nsp, rest);
}

/**
 * Calls `listener` when a socket has left a namespace for good or was refused; before its `disconnect` event. Does not
 * call it for `socket.leaveAll()`. Returns false if Socket.IO does not report refused sockets.
 *
 * @internal
 */
export function onRemoved(nsp: Namespace, listener: (socket: Socket) => void): boolean {
  const internal = namespaceOf(nsp);
  const remove = asFunction(internal._remove);
  if (remove !== undefined) {
    internal._remove = (socket) => {
      listener(socket);
      remove.call(nsp, socket);
    };
    return true;
  }
  nsp.on('connect', (socket) => socket.prependListener('disconnecting', () => listener(socket)));
  return false;
}

/** The next number for an acknowledgement in a namespace; undefined if Socket.IO does not show its counter. @internal */
export function nextAckId(nsp: Namespace): number | undefined {
  const internal = namespaceOf(nsp);
  return typeof internal._ids === 'number' ? internal._ids++ : undefined;
}

/** The callbacks of a socket that wait for acknowledgements, by number; undefined if it does not show them. @internal */
export function acksOf(socket: Socket): Map<number, Acknowledge> | undefined {
  return asMap(socketOf(socket).acks);
}

/** False once a socket does not show its outgoing listeners. */
let listenersShown = true;

const ignore = (): void => undefined;

/** Whether sockets of this class show their outgoing listeners. Tries it on an object without a client. */
function showsOutgoingListeners(socket: Socket): boolean {
  const trial = Object.create(Object.getPrototypeOf(socket) as object) as Socket;
  try {
    trial.onAnyOutgoing(ignore);
  } catch {
    // Not possible without a client.
  }
  const listeners = socketOf(trial)._anyOutgoingListeners;
  const shown = Array.isArray(listeners) && listeners.includes(ignore);
  if (!shown) listenersShown = false;
  return shown;
}

/** The listeners of `socket.onAnyOutgoing`; undefined where there are none. @internal */
export function outgoingListenersOf(socket: Socket): readonly Acknowledge[] | undefined {
  if (listenersShown && !socketOf(socket)._anyOutgoingListeners?.length) return undefined;
  return socket.listenersAnyOutgoing();
}

/** Turns a recovered connection into a new one. The client recognises a new connection by its new private id. @internal */
export function startOver(socket: Socket, newPid: string): void {
  const internal = socketOf(socket);
  internal.recovered = false;
  if (typeof internal.pid === 'string') internal.pid = newPid;
}

/** The private id of a connection; undefined if Socket.IO gave it none. @internal */
export function pidOf(socket: Socket): string | undefined {
  const { pid } = socketOf(socket);
  return typeof pid === 'string' ? pid : undefined;
}

/** Gives a socket that is being admitted another id. @internal */
export function rename(socket: Socket, id: string): void {
  const arriving = asMap(namespaceOf(socket.nsp)._preConnectSockets);
  const isArriving = arriving?.get(socket.id) === socket && arriving.delete(socket.id);
  Object.assign(socket, { id });
  if (isArriving) arriving.set(id, socket);
}
