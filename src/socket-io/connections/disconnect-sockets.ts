import type { Socket } from 'socket.io';
import { reasonOf } from '../../errors.js';
import type { Reporter } from '../../reporting/reporter.js';
import { DISCONNECT_EVENT } from '../../auth/authenticated-socket.js';
import { socketsOf } from '../internals.js';
import { hardClose, isGone, type EngineSocket } from '../engine-socket.js';
import { after, nextTick } from '../../reporting/timers.js';

/** @internal */
export interface EndOptions {
  /** Also close the underlying connection, with all its namespaces; or only where nobody else uses it. */
  readonly close: boolean | 'unused';
  /** Sent to the client before it is disconnected. */
  readonly reason?: string | undefined;
}

/** Sockets to disconnect as soon as they are connected. */
const requested = new WeakMap<Socket, EndOptions>();

/**
 * Disconnects sockets. Sockets that are being admitted are disconnected as soon as they are connected, so that the app sees
 * both their connection and their end. A listener of the app that throws does not keep the other sockets connected.
 *
 * @internal
 */
export function disconnectSockets(
  sockets: readonly Socket[],
  options: EndOptions,
  reporter: Reporter,
): void {
  const unused = new Map<Socket['client'], Socket>();
  const attempt = (socket: Socket, act: () => unknown): void => {
    try {
      act();
    } catch (error) {
      reporter.report('listener.failed', () => `socket ${socket.id}: ${reasonOf(error)}`);
    }
  };
  const { close, reason } = options;
  for (const socket of sockets) {
    if (!socket.connected) {
      // Asked for twice, the last one counts, unless it leaves the connection that the other one ends.
      const closes = (requested.get(socket)?.close ?? false) !== false;
      if (close !== false || !closes) requested.set(socket, options);
      continue;
    }
    if (reason !== undefined) attempt(socket, () => socket.emit(DISCONNECT_EVENT, { reason }));
    attempt(socket, () => socket.disconnect(close === true));
    if (close === 'unused') unused.set(socket.client, socket);
  }
  for (const socket of unused.values()) {
    if (socketsOf(socket).length === 0) attempt(socket, () => socket.client.conn.close());
  }
}

/** Ends a socket that has just been connected, where that was asked for meanwhile. @internal */
export function disconnectIfRequested(socket: Socket, reporter: Reporter): void {
  const options = requested.get(socket);
  if (options === undefined) return;
  requested.delete(socket);
  // The app's own listeners of the connection come first, or they would not hear of its end.
  const failed = reporter.failure('listener.failed', () => `socket ${socket.id}`);
  nextTick(failed, () => disconnectSockets([socket], options, reporter));
}

/** How long the last packets of a connection may take on their way. */
const FAREWELL_MS = 1_000;

/** A socket of each connection, by which all others are found: Engine.IO does not know them. */
const arrived = new WeakMap<Socket['conn'], Socket>();

/** Called for each new socket, so that {@link endConnection} finds all of a connection. @internal */
export function rememberArrival(socket: Socket): void {
  arrived.set(socket.conn, socket);
}

/**
 * Closes a connection with all its namespaces, and tells each of its sockets why. A client that does not read is cut off.
 *
 * @internal
 */
export function endConnection(
  connection: Socket['conn'],
  reason: string,
  reporter: Reporter,
): void {
  const socket = arrived.get(connection);
  if (socket !== undefined)
    disconnectSockets(socketsOf(socket), { close: false, reason }, reporter);
  connection.close();
  const engine = connection as unknown as EngineSocket;
  const failed = reporter.failure('listener.failed', () => 'disconnect');
  after(FAREWELL_MS, failed, () => {
    if (!isGone(engine)) hardClose(engine, reason);
  }).unref();
}
