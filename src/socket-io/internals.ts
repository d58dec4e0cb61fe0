import { types } from 'node:util';
import type { Namespace, Server, Socket } from 'socket.io';
import type { PacketEncoder, PacketParser } from '../ports/packet-parser.js';
import type { KeptOptions } from './delivery-options.js';

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
    readonly connectionStateRecovery?: { readonly maxDisconnectionDuration?: number };
  };
  readonly _nsps?: ReadonlyMap<string, Namespace>;
  readonly encoder?: PacketEncoder;
}

/** Socket.IO's adapter with connection recovery. */
interface PrivateRecovery {
  readonly packets?: KeptPacket[];
  readonly maxDisconnectionDuration?: number;
}

/** A packet that Socket.IO's adapter keeps for clients that reconnect. @internal */
export interface KeptPacket {
  readonly id: string;
  readonly opts: KeptOptions;
  readonly data: unknown[];
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
  if (isObject(opts) && isObject(opts.connectionStateRecovery)) {
    const { packets, maxDisconnectionDuration } = recoveryOf(server.of('/').adapter);
    if (!Array.isArray(packets)) {
      faults.push('SessionAwareAdapter.packets (clients that reconnect do not recover)');
    }
    if (typeof maxDisconnectionDuration !== 'number') {
      faults.push('SessionAwareAdapter.maxDisconnectionDuration');
    }
  }
  return faults;
}

const recoveryOf = (adapter: object): PrivateRecovery => adapter;

/**
 * The packets that an adapter keeps for clients that reconnect; undefined without connection recovery, or if the adapter
 * does not show them.
 *
 * @internal
 */
export function keptPackets(adapter: object): KeptPacket[] | undefined {
  const { packets } = recoveryOf(adapter);
  return Array.isArray(packets) ? packets : undefined;
}

/** Socket.IO's default, for an adapter that does not show its own. */
const MAX_DISCONNECTION_MS = 120_000;

/** How long an adapter with connection recovery keeps the session of a disconnected client, in ms. @internal */
export function maxDisconnectionMsOf(adapter: object, { server }: Namespace): number {
  const { maxDisconnectionDuration: own } = recoveryOf(adapter);
  if (typeof own === 'number') return own;
  const option = serverOf(server).opts?.connectionStateRecovery?.maxDisconnectionDuration;
  return typeof option === 'number' ? option : MAX_DISCONNECTION_MS;
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
