import { EventRouter } from '../cluster/event-router.js';
import { SocketServers } from '../cluster/socket-servers.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import { RedisPropagatorService } from '../propagation/redis-propagator.service.js';
import { ChannelSubscriptions } from '../redis/channel-subscriptions.js';
import { createRedisClients, type RedisClients } from '../redis/client-factory.js';
import type { PubSub } from '../redis/pub-sub.js';
import { RedisPubSub } from '../redis/redis-pub-sub.js';
import { RedisService } from '../redis/redis.service.js';
import { Reporter } from '../reporting/reporter.js';
import { Authentication } from '../sockets/authentication.js';
import { SocketStateService } from '../sockets/socket-state.service.js';

/** Everything that one app has of this library. Nothing of it is shared between apps in a process. @internal */
export interface Runtime {
  readonly reporter: Reporter;
  readonly pubSub: PubSub;
  /** Undefined with another transport than Redis. */
  readonly clients: RedisClients | undefined;
  readonly subscriptions: ChannelSubscriptions;
  readonly redis: RedisService;
  readonly state: SocketStateService;
  readonly router: EventRouter;
  readonly servers: SocketServers;
  readonly propagator: RedisPropagatorService;
  /** Ends what was made here; a transport that the app passed in lives on. */
  close(): Promise<void>;
}

/** @internal */
export function createRuntime(options: ResolvedOptions): Runtime {
  const reporter = new Reporter(options.logger);
  const transport = createTransport(options, reporter);
  const { pubSub, clients } = transport;
  const subscriptions = new ChannelSubscriptions(pubSub, reporter);
  const state = new SocketStateService();
  const router = new EventRouter(pubSub, subscriptions, options, reporter);
  const authentication = new Authentication(options.auth, reporter);
  return {
    reporter,
    pubSub,
    clients,
    subscriptions,
    redis: new RedisService(pubSub, subscriptions, reporter),
    state,
    router,
    servers: new SocketServers(router, authentication, state, reporter),
    propagator: new RedisPropagatorService(router, reporter),
    close: async () => {
      subscriptions.close();
      await transport.close();
    },
  };
}

interface Transport extends Pick<Runtime, 'pubSub' | 'clients'> {
  close(): Promise<void>;
}

function createTransport(options: ResolvedOptions, reporter: Reporter): Transport {
  const { pubSub } = options;
  if (pubSub !== undefined) return { pubSub, clients: undefined, close: async () => {} };
  const clients = createRedisClients(options);
  const redis = new RedisPubSub(clients, options, reporter);
  return { pubSub: redis, clients, close: () => redis.close() };
}
