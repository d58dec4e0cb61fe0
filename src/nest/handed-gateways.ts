import type { Type } from '@nestjs/common';
import type { Namespace, Server } from 'socket.io';
import { serverOfGateway } from './nest-internals.js';

/**
 * The gateways that the app's adapter hands on to `SocketStateAdapter`. Nest does not tell an adapter which gateway it binds:
 * the server or namespace that Nest keeps for each gateway shows it.
 *
 * @internal
 */
export class HandedGateways {
  private readonly adapters = new WeakSet<object>();
  private readonly apps = new Set<object>();
  private readonly listeners = new Set<object>();
  private readonly byServer = new Map<object, Set<object>>();

  /** Called for each `SocketStateAdapter` of the app. */
  register(adapter: object, app: object): void {
    this.adapters.add(adapter);
    this.apps.add(app);
  }

  /** Whether this is a `SocketStateAdapter` of this app. */
  isAdapter(adapter: object): boolean {
    return this.adapters.has(adapter);
  }

  /** @param listener the connect listener of a gateway; an adapter of the app may bind it to several servers */
  add(server: object, listener: object): void {
    this.listeners.add(listener);
    const known = this.byServer.get(server);
    if (known === undefined) this.byServer.set(server, new Set([listener]));
    else known.add(listener);
  }

  /** Number of gateways; more if an adapter of the app wraps the listener of a gateway and binds it to several servers. */
  get count(): number {
    return this.listeners.size;
  }

  /** The number of gateways on this server or namespace. */
  countOn(server: object): number {
    return this.byServer.get(server)?.size ?? 0;
  }

  /** The server or namespace that the app's adapter created for a gateway; undefined if Nest does not show it. */
  serverOf(gateway: Type): object | undefined {
    for (const app of this.apps) {
      const server = serverOfGateway(app, gateway);
      if (server !== undefined) return server;
    }
    return undefined;
  }
}

/** The Socket.IO server of a server or namespace; undefined if it is neither. @internal */
export function socketIoServerOf(server: unknown): Server | undefined {
  if (typeof server !== 'object' || server === null) return undefined;
  const given = server as Server | Namespace;
  const root = 'server' in given ? given.server : given;
  return typeof (root as Partial<Server> | undefined)?.adapter === 'function' ? root : undefined;
}
