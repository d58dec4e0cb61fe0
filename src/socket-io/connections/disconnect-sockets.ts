import type { Socket } from 'socket.io';
import { reasonOf } from '../../errors.js';
import type { Reporter } from '../../reporting/reporter.js';
import { DISCONNECT_EVENT, type DisconnectNotice } from '../../auth/disconnect-notice.js';
import { socketsOf } from '../internals.js';
import { hardClose, isGone, type EngineSocket } from '../engine-socket.js';
import { after, nextTick } from '../../reporting/timers.js';

/** @internal */
export interface EndOptions {
  /** Whether to close the underlying connection, with all its namespaces; `unused`: only if no other socket uses it. */
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
      // Of two requests the last one counts, unless only the first one closes the connection.
      const closes = (requested.get(socket)?.close ?? false) !== false;
      if (close !== false || !closes) requested.set(socket, options);
      continue;
    }
    if (reason !== undefined)
      attempt(socket, () => socket.emit(DISCONNECT_EVENT, { reason } satisfies DisconnectNotice));
    attempt(socket, () => socket.disconnect(close === true));
    if (close === 'unused') unused.set(socket.client, socket);
  }
  for (const socket of unused.values()) {
    if (socketsOf(socket).length === 0) attempt(socket, () => socket.client.conn.close());
  }
}

/** Disconnects a new socket if that was requested while it was being admitted. @internal */
export function disconnectIfRequested(socket: Socket, reporter: Reporter): void {
  const options = requested.get(socket);
  if (options === undefined) return;
  requested.delete(socket);
  // After the app's listeners of `connection`, which add those of `disconnect`.
  const failed = reporter.failure('listener.failed', () => `socket ${socket.id}`);
  nextTick(failed, () => disconnectSockets([socket], options, reporter));
}

/** How long the last packets of a connection may take before it is cut off. */
const LAST_PACKETS_MS = 1_000;

/** One socket of each connection, which leads to the others. Engine.IO does not know sockets. */
const arrived = new WeakMap<Socket['conn'], Socket>();

/** Called for each new socket, so that {@link endConnection} finds all sockets of a connection. @internal */
export function rememberArrival(socket: Socket): void {
  arrived.set(socket.conn, socket);
}

/**
 * Closes a connection with all its namespaces, and sends each of its sockets the reason. Cuts off a client that does not
 * read.
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
  after(LAST_PACKETS_MS, failed, () => {
    if (!isGone(engine)) hardClose(engine, reason);
  }).unref();
}
