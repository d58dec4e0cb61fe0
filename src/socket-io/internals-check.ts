import type { Server, Socket } from 'socket.io';
import { ChangedInternals } from '../reporting/changed-internals.js';
import { manifestOf, socketIoManifest } from '../reporting/package-manifest.js';
import type { Reporter } from '../reporting/reporter.js';
import {
  connectionFaults,
  engineFaults,
  type EngineSocket,
  type EngineServer,
} from './engine-socket.js';
import { serverFaults, socketFaults } from './internals.js';

/**
 * Checks once whether the private members of Socket.IO, Engine.IO and ws are as this library expects them. If one is not,
 * the library takes the public path, and one warning names the packages and their versions.
 *
 * @internal
 */
export class InternalsCheck {
  private readonly servers = new WeakSet<Server>();
  /** Names of transports whose first connection was checked. */
  private readonly transports = new Set<string>();
  private readonly changed: ChangedInternals;

  constructor(reporter: Reporter) {
    this.changed = new ChangedInternals(reporter, versions);
  }

  /** Called when a server is installed. */
  server(server: Server): void {
    const engine = server.engine as unknown as EngineServer | undefined;
    this.changed.report([
      ...serverFaults(server),
      ...(engine === undefined ? [] : engineFaults(engine)),
    ]);
    if (engine !== undefined) this.servers.add(server);
  }

  /** Called when a socket is connected. */
  connected(socket: Socket): void {
    const connection = socket.client.conn as unknown as EngineSocket;
    const { name } = connection.transport;
    if (this.transports.has(name)) return;
    this.transports.add(name);
    const { server } = connection;
    // A server that did not listen when it was installed had no engine.
    const late = server === undefined || this.servers.has(socket.nsp.server) ? undefined : server;
    this.changed.report([
      ...socketFaults(socket),
      ...connectionFaults(connection),
      ...(late === undefined ? [] : engineFaults(late)),
    ]);
  }
}

/** Such as `socket.io 4.8.3, engine.io 6.6.13, ws 8.23.0`. */
function versions(): string {
  const socketIo = socketIoManifest();
  const engine = socketIo && manifestOf('engine.io', socketIo.path);
  const ws = engine && manifestOf('ws', engine.path);
  return [
    `socket.io ${socketIo?.version ?? 'of an unknown version'}`,
    `engine.io ${engine?.version ?? 'of an unknown version'}`,
    `ws ${ws?.version ?? 'of an unknown version'}`,
  ].join(', ');
}
