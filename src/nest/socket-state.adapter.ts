import type { INestApplicationContext } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import type { Server, ServerOptions } from 'socket.io';
import type { SocketServers } from '../cluster/socket-servers.js';
import { PropagatorError } from '../errors.js';
import { answeringHandlers } from './answer-acks.js';
import type { Runtime } from './runtime.js';
import { RUNTIME } from './tokens.js';

/**
 * The WebSocket adapter of an app with this library:
 *
 * ```ts
 * app.useWebSocketAdapter(new SocketStateAdapter(app));
 * ```
 *
 * It authenticates every connecting socket, in every namespace, and takes every Socket.IO server of the app into the
 * cluster. Extend it like Nest's IoAdapter; call `super.createIOServer`.
 */
export class SocketStateAdapter extends IoAdapter {
  private readonly servers: SocketServers;

  /** @throws PropagatorError `module.missing` */
  constructor(app: INestApplicationContext) {
    super(app);
    this.servers = runtimeOf(app).servers;
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const server = super.createIOServer(port, withMiddlewares(options));
    this.servers.install(server);
    return server;
  }

  override bindMessageHandlers(
    ...[socket, handlers, transform]: Parameters<IoAdapter['bindMessageHandlers']>
  ): void {
    super.bindMessageHandlers(socket, ...answeringHandlers(handlers, transform));
  }
}

function runtimeOf(app: INestApplicationContext): Runtime {
  try {
    return app.get<Runtime>(RUNTIME, { strict: false });
  } catch (error) {
    throw PropagatorError.of('module.missing', [], error);
  }
}

/** A recovered connection is authenticated like any other: its token may have ended in the meantime. */
function withMiddlewares(options: ServerOptions | undefined): ServerOptions | undefined {
  if (!options?.connectionStateRecovery) return options;
  return {
    ...options,
    connectionStateRecovery: { ...options.connectionStateRecovery, skipMiddlewares: false },
  };
}
