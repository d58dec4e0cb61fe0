import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { reasonOf } from '../../errors.js';
import type { ResolvedShutdownOptions } from '../../options/resolve-load.js';
import type { Reporter } from '../../reporting/reporter.js';
import { pause } from '../../reporting/timers.js';
import {
  DISCONNECT_EVENT,
  type DisconnectNotice,
  type DisconnectReason,
} from '../../auth/disconnect-notice.js';
import {
  clientsOf,
  hardClose,
  isGone,
  type EngineServer,
  type EngineSocket,
} from '../engine-socket.js';
import { namespacesOf, socketsOf } from '../internals.js';

/** Clients of one tick are disconnected together. */
const TICK_MS = 10;
/** How long the last packets of a connection may take before it is cut off. */
const LAST_PACKETS_MS = 1_000;
/** Clients are asked to reconnect within this time, and sooner if they are few. */
const MAX_RECONNECT_MS = 1_000;
const REASON = 'server.draining' satisfies DisconnectReason;
const REFUSAL = JSON.stringify({ code: REASON, message: 'The server is shutting down' });

/** Engine.IO has middlewares since 6.4, and types for them since a later version. */
interface EngineWithMiddlewares {
  use?(
    middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void,
  ): void;
}

/**
 * Sends the clients of this instance to other instances before it ends. Refuses new clients, and disconnects the others
 * one after the other, so that they do not all reconnect at once.
 *
 * @internal
 */
export class Draining {
  private running: Promise<void> | undefined;
  private begun = false;

  constructor(
    private readonly servers: () => Iterable<Server>,
    private readonly options: ResolvedShutdownOptions,
    private readonly reporter: Reporter,
  ) {}

  /** Whether new clients are refused. */
  get active(): boolean {
    return this.begun;
  }

  /** Refuses new clients from now on. */
  begin(): void {
    if (this.begun) return;
    this.begun = true;
    for (const engine of this.engines()) (engine as EngineWithMiddlewares).use?.(refuse);
  }

  /** Resolves once no client is left; the second call gets the first one's promise. Never rejects. */
  run(): Promise<void> {
    this.running ??= this.drain().catch((error: unknown) => {
      this.reporter.report('listener.failed', () => `shutdown: ${reasonOf(error)}`);
    });
    return this.running;
  }

  /** Disconnects a client that arrived too late. A refusal would keep Socket.IO's client from reconnecting. */
  turnAway(socket: Socket): void {
    this.attempt(() => socket.client.conn.close());
  }

  private async drain(): Promise<void> {
    this.begin();
    const clients = this.clients();
    const leaving = new Set<EngineSocket>();
    const { drainMs, clientsPerSecond } = this.options;
    const wantedMs = (clients.length * 1_000) / clientsPerSecond;
    const durationMs = Math.min(drainMs, wantedMs);
    // A short drain disconnects many clients together, and they must not come back together.
    const reconnectWithinMs = Math.min(MAX_RECONNECT_MS, wantedMs);
    const moments = clients.map((socket) => ({ socket, at: Math.random() * durationMs }));
    const startedAt = performance.now();
    for (const { socket, at } of moments.sort((a, b) => a.at - b.at)) {
      const connection = socket.client.conn as unknown as EngineSocket;
      if (connection.readyState !== 'open') continue;
      const aheadMs = at - (performance.now() - startedAt);
      if (aheadMs > 0) await pause(Math.max(TICK_MS, aheadMs));
      leaving.add(connection);
      this.disconnect(socket, reconnectWithinMs);
    }
    // Connections without a namespace: their sockets are still being admitted.
    for (const engine of this.engines()) {
      for (const connection of clientsOf(engine)) {
        leaving.add(connection);
        this.attempt(() => connection.close());
      }
    }
    await this.awaitClosed(leaving);
  }

  /** Cuts off clients that do not read their last packets: they would keep the process alive. */
  private async awaitClosed(leaving: ReadonlySet<EngineSocket>): Promise<void> {
    const end = performance.now() + LAST_PACKETS_MS;
    let left = [...leaving];
    while (performance.now() < end) {
      left = left.filter((connection) => !isGone(connection));
      if (left.length === 0) return;
      await pause(TICK_MS);
    }
    for (const connection of left) this.attempt(() => hardClose(connection, REASON));
  }

  private engines(): EngineServer[] {
    return [...this.servers()].flatMap((server) => engineOf(server) ?? []);
  }

  /** One socket of each client. */
  private clients(): Socket[] {
    const clients = new Map<Socket['client'], Socket>();
    for (const server of this.servers()) {
      for (const namespace of namespacesOf(server)) {
        for (const socket of namespace.sockets.values()) clients.set(socket.client, socket);
      }
    }
    return [...clients.values()];
  }

  private disconnect(one: Socket, reconnectWithinMs: number): void {
    const reconnectInMs = Math.floor(Math.random() * reconnectWithinMs);
    for (const socket of socketsOf(one)) {
      this.attempt(() =>
        socket.emit(DISCONNECT_EVENT, { reason: REASON, reconnectInMs } satisfies DisconnectNotice),
      );
    }
    // Closes the connection, not the sockets: a client whose socket was disconnected does not reconnect by itself.
    this.attempt(() => one.client.conn.close());
  }

  /** A listener of the app that throws does not keep other clients connected. */
  private attempt(act: () => unknown): void {
    try {
      act();
    } catch (error) {
      this.reporter.report('listener.failed', () => `disconnect: ${reasonOf(error)}`);
    }
  }
}

/** All connections of these servers. @internal */
export function* connectionsOf(servers: Iterable<Server>): Iterable<EngineSocket> {
  for (const server of servers) {
    const engine = engineOf(server);
    if (engine !== undefined) yield* clientsOf(engine);
  }
}

/** Undefined for a server that does not listen yet. */
function engineOf(server: Server): EngineServer | undefined {
  return server.engine as unknown as EngineServer | undefined;
}

/** Refuses new connections. Requests of known connections, which have a `sid`, pass. */
function refuse(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  if (new URLSearchParams(request.url?.split('?')[1]).has('sid')) {
    next();
    return;
  }
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(REFUSAL),
    'Retry-After': 1,
    Connection: 'close',
  };
  if (request.headers.upgrade === undefined) {
    response.writeHead(503, headers);
    response.end(REFUSAL);
    return;
  }
  // The response of an upgrade request cannot be written.
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const { socket } = request;
  // The only listener of errors: a client that disconnects first must not end the process.
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 503 Service Unavailable\r\n${lines.join('')}\r\n${REFUSAL}`, () =>
    socket.destroy(),
  );
}
