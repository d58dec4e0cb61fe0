import type { INestApplicationContext } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import type { Namespace, Server, ServerOptions, Socket } from 'socket.io';
import { PropagatorError } from '../errors.js';
import { misused, shown } from '../options/checks.js';
import { missingAdapter } from './gateway-check.js';
import { socketIoServerOf } from './handed-gateways.js';
import { boundMessages, unseenResponse } from './interceptor-check.js';
import { PropagatorLifecycle } from './lifecycle.js';
import { MessageHandlers } from './message-handlers.js';
import type { Runtime } from './runtime.js';
import { ADAPTER, RUNTIME } from './tokens.js';

type ConnectListener = (...args: unknown[]) => unknown;

/**
 * The WebSocket adapter of an app with this library:
 *
 * ```ts
 * app.useWebSocketAdapter(new SocketStateAdapter(app));
 * ```
 *
 * It authenticates every connecting socket, in every namespace, and connects every Socket.IO server of the app to
 * the other instances. Extend it like Nest's IoAdapter; call `super.createIOServer` and
 * `super.bindClientConnect`.
 */
export class SocketStateAdapter extends IoAdapter {
  /** @internal */
  readonly [ADAPTER] = true;
  private readonly runtime: Runtime;
  private readonly config: ApplicationConfig;
  private readonly messageHandlers: MessageHandlers;

  /** @throws PropagatorError `module.missing`, or `adapter.missing` if the gateways already have another adapter */
  constructor(app: INestApplicationContext) {
    super(app);
    const { runtime, config, modules, late } = partsOf(app);
    if (late !== undefined) throw late;
    runtime.gateways.register(this, app);
    this.runtime = runtime;
    this.config = config;
    this.messageHandlers = new MessageHandlers({
      reporter: runtime.reporter,
      mapPayload: (payload) => this.mapPayload(payload),
      unseen: unseenResponse({ config, modules }, runtime),
      mayPropagate: boundMessages({ config, modules }),
    });
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const server = super.createIOServer(port, withSharedCompression(options));
    this.runtime.servers.install(server);
    return server;
  }

  /** Nest calls it once for each gateway, before clients connect. */
  override bindClientConnect(server: Server | Namespace, listener: ConnectListener): void {
    const root = socketIoServerOf(server);
    if (root === undefined) {
      throw PropagatorError.of('adapter.missing', [
        'a gateway',
        this.constructor.name,
        `create() or createIOServer() of this adapter returned ${shown(server)}, which is no server of Socket.IO`,
        'Return the server there, such as the one that super returns.',
      ]);
    }
    // A subclass may have created the server without super.createIOServer().
    this.runtime.servers.install(root);
    this.runtime.gateways.add(server, listener);
    // An adapter of the app may forward its calls to this one.
    const set = this.config.getIoAdapter() as object;
    super.bindClientConnect(server, (...args: unknown[]) => {
      this.checkStillSet(set);
      return listener(...args);
    });
  }

  override bindMessageHandlers(
    ...[socket, handlers, transform]: Parameters<IoAdapter['bindMessageHandlers']>
  ): void {
    this.messageHandlers.bind(socket, handlers, transform);
  }

  /** As in IoAdapter, without the two closures for each socket that `once` takes: a socket disconnects once. */
  override bindClientDisconnect(client: Socket, listener: (reason: string) => void): void {
    client.on('disconnect', listener);
  }

  override async dispose(): Promise<void> {
    this.messageHandlers.close();
    await super.dispose();
  }

  /** When a client connects, Nest asks the current adapter how to handle its messages. */
  private checkStillSet(set: object): void {
    const current = this.config.getIoAdapter() as object;
    if (current === set || ADAPTER in current) return;
    this.runtime.reporter.once(
      'adapter.replaced',
      () =>
        `${current.constructor.name} was set with useWebSocketAdapter() after the app had started, in place of ` +
        'SocketStateAdapter. Clients are authenticated and get their events, but acknowledgements and responses of ' +
        'gateways are handled by that adapter. Call useWebSocketAdapter() once, before app.init() or app.listen().',
    );
  }
}

/**
 * An event for many clients can be compressed once only if no message refers to earlier ones, which each connection has
 * its own. An app that prefers smaller messages sets `serverNoContextTakeover` to false; ws would refuse clients that do not want
 * such references then, so it does not get to know.
 */
function withSharedCompression(options: ServerOptions | undefined): ServerOptions | undefined {
  const given = options?.perMessageDeflate;
  if (!options || !given) return options;
  const chosen = given === true ? {} : given;
  return {
    ...options,
    perMessageDeflate: {
      ...chosen,
      serverNoContextTakeover: chosen.serverNoContextTakeover === false ? undefined : true,
    },
  };
}

interface Parts {
  readonly runtime: Runtime;
  readonly config: ApplicationConfig;
  readonly modules: ModulesContainer;
  /** Why a new adapter has no effect any more. */
  readonly late: PropagatorError | undefined;
}

/**
 * Finds the parts without app.get(), which ends the process for an unknown provider unless `abortOnError` is off.
 *
 * @throws PropagatorError `module.missing`, `option.invalid`
 */
function partsOf(app: INestApplicationContext): Parts {
  if (typeof (app as Partial<INestApplicationContext> | undefined)?.get !== 'function') {
    throw misused('app', 'no Nest app', 'Pass the app itself: new SocketStateAdapter(app).');
  }
  const modules = app.get(ModulesContainer);
  for (const { providers } of modules.values()) {
    const runtime = providers.get(RUNTIME)?.instance as Runtime | undefined;
    if (!runtime) continue;
    const config = providers.get(ApplicationConfig)?.instance as ApplicationConfig;
    const lifecycle = providers.get(PropagatorLifecycle)?.instance as PropagatorLifecycle;
    const late = lifecycle.begun ? missingAdapter({ config, modules }, runtime) : undefined;
    return { runtime, config, modules, late };
  }
  throw PropagatorError.of('module.missing', []);
}
