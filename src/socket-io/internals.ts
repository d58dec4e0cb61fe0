import type { Namespace, Server, Socket } from 'socket.io';
import type { PacketEncoder, PacketParser } from '../ports/packet-parser.js';

/**
 * Every private member of Socket.IO and socket.io-adapter that this library uses; those of Engine.IO and ws stand in
 * engine-socket.ts. No other file names one. {@link serverFaults} and {@link socketFaults} say which are not as expected;
 * then the functions here take the public path.
 */

type Acknowledge = (...answer: unknown[]) => void;

interface PrivateServer {
  readonly opts?: {
    readonly parser?: PacketParser;
    readonly cleanupEmptyChildNamespaces?: boolean;
  };
  readonly _nsps?: ReadonlyMap<string, Namespace>;
  readonly encoder?: PacketEncoder;
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

/** Private members of a server and its namespaces that are not as expected. @internal */
export function serverFaults(server: Server): string[] {
  const faults: string[] = [];
  const { opts, _nsps, encoder } = serverOf(server);
  if (typeof opts !== 'object') faults.push('Server.opts');
  if (typeof _nsps?.values !== 'function') faults.push('Server._nsps');
  if (typeof encoder?.encode !== 'function') faults.push('Server.encoder');
  const { _ids, _onServerSideEmit, _remove } = namespaceOf(server.of('/'));
  if (typeof _ids !== 'number') faults.push('Namespace._ids');
  if (typeof _onServerSideEmit !== 'function') faults.push('Namespace._onServerSideEmit');
  if (typeof _remove !== 'function') faults.push('Namespace._remove');
  return faults;
}

/** Private members of a socket and its client that are not as expected. @internal */
export function socketFaults(socket: Socket): string[] {
  const faults: string[] = [];
  if (typeof socketOf(socket).acks?.set !== 'function') faults.push('Socket.acks');
  if (!showsOutgoingListeners(socket)) faults.push('Socket._anyOutgoingListeners');
  if (typeof clientOf(socket.client).sockets?.values !== 'function') faults.push('Client.sockets');
  return faults;
}

/** The parser that the clients of a server speak, where the app has chosen one. @internal */
export function parserOf(server: Server): PacketParser | undefined {
  return serverOf(server).opts?.parser;
}

/** The encoder of what sockets of a server are sent without their namespace: direct emits and acknowledgements. @internal */
export function encoderOf(server: Server): PacketEncoder | undefined {
  const { encoder } = serverOf(server);
  return typeof encoder?.encode === 'function' ? encoder : undefined;
}

/** Whether the server of a namespace closes dynamic namespaces with their last socket. @internal */
export function closesEmptyNamespaces(nsp: Namespace): boolean {
  return serverOf(nsp.server).opts?.cleanupEmptyChildNamespaces === true;
}

/** The namespaces of a server. Public alone is the root namespace. @internal */
export function namespacesOf(server: Server): Iterable<Namespace> {
  return serverOf(server)._nsps?.values() ?? [server.of('/')];
}

/** The sockets of a client, in all namespaces. @internal */
export function socketsOf(socket: Socket): Socket[] {
  const { client } = socket;
  const { sockets } = clientOf(client);
  if (sockets !== undefined) return [...sockets.values()];
  return [...namespacesOf(socket.nsp.server)].flatMap((nsp) =>
    [...nsp.sockets.values()].filter((other) => other.client === client),
  );
}

/** Calls the listeners of `serverSideEmit`. They may throw. @internal */
export function callServerSide(nsp: Namespace, args: unknown[]): void {
  const { _onServerSideEmit: call } = namespaceOf(nsp);
  if (call !== undefined) {
    call.call(nsp, args);
    return;
  }
  const [event, ...rest] = args;
  const listeners = nsp.listeners(event as 'connection') as unknown as Acknowledge[];
  for (const listener of listeners) listener.apply(nsp, rest);
}

/**
 * Calls back when a socket of a namespace has gone for good, or was not let in; before its `disconnect` event.
 * `socket.leaveAll()` is not the end of a socket. Returns false where the end of sockets that are not let in is not told.
 *
 * @internal
 */
export function onRemoved(nsp: Namespace, gone: (socket: Socket) => void): boolean {
  const internal = namespaceOf(nsp);
  const remove = internal._remove;
  if (typeof remove === 'function') {
    internal._remove = (socket) => {
      gone(socket);
      remove.call(nsp, socket);
    };
    return true;
  }
  nsp.on('connect', (socket) => socket.prependListener('disconnecting', () => gone(socket)));
  return false;
}

/** A number for an acknowledgement of sockets of a namespace; undefined where Socket.IO gives none. @internal */
export function nextAckId(nsp: Namespace): number | undefined {
  const internal = namespaceOf(nsp);
  return typeof internal._ids === 'number' ? internal._ids++ : undefined;
}

/** The callbacks of a socket that wait for acknowledgements, by their numbers. @internal */
export function acksOf(socket: Socket): Map<number, Acknowledge> | undefined {
  return socketOf(socket).acks;
}

/** Whether the classes of all sockets so far show if they have outgoing listeners. */
let listenersShown = true;

const ignore = (): void => undefined;

/** Tried on an object without a client. */
function showsOutgoingListeners(socket: Socket): boolean {
  const trial = Object.create(Object.getPrototypeOf(socket) as object) as Socket;
  try {
    trial.onAnyOutgoing(ignore);
  } catch {
    // It cannot be tried without a client.
  }
  const shown = socketOf(trial)._anyOutgoingListeners?.includes(ignore) === true;
  if (!shown) listenersShown = false;
  return shown;
}

/** The listeners of `socket.onAnyOutgoing`; undefined where there are none. @internal */
export function outgoingListenersOf(socket: Socket): readonly Acknowledge[] | undefined {
  if (listenersShown && !socketOf(socket)._anyOutgoingListeners?.length) return undefined;
  return socket.listenersAnyOutgoing();
}

/** Makes a new connection of one that Socket.IO has recovered: its client takes it for recovered by the id. @internal */
export function startOver(socket: Socket, newPid: string): void {
  const internal = socketOf(socket);
  internal.recovered = false;
  if (internal.pid !== undefined) internal.pid = newPid;
}
