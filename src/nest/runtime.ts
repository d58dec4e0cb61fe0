import { AckRequests } from '../cluster/ack-requests.js';
import { ClusterBus } from '../cluster/cluster-bus.js';
import { ClusterRequests } from '../cluster/cluster-requests.js';
import { ClusterService } from '../cluster/cluster.service.js';
import { EventRouter } from '../cluster/event-router.js';
import { ServerSideEvents } from '../cluster/server-side-events.js';
import { SocketCommands } from '../cluster/socket-commands.js';
import { SocketServers } from '../cluster/socket-servers.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import { RedisPropagatorService } from '../propagation/redis-propagator.service.js';
import { UserCommands } from '../propagation/user-commands.js';
import { createPresence } from '../presence/create-presence.js';
import type { PresenceService } from '../presence/presence.service.js';
import { ChannelSubscriptions } from '../redis/channel-subscriptions.js';
import type { Access } from '../redis/access.js';
import { createRedisClients, type RedisClients } from '../redis/client-factory.js';
import { bounded } from '../redis/quit.js';
import { RedisPubSub } from '../redis/redis-pub-sub.js';
import { RedisService } from '../redis/redis.service.js';
import { Reporter } from '../reporting/reporter.js';
import { createSessions } from '../sessions/create-sessions.js';
import type { SessionService } from '../sessions/session.service.js';
import { Authentication } from '../sockets/authentication.js';
import { SocketStateService } from '../sockets/socket-state.service.js';
import { TokenExpiry } from '../sockets/token-expiry.js';
import { TokenRefresh } from '../sockets/token-refresh.js';
import { replyChannel } from '../wire/channels.js';

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
  readonly cluster: ClusterService;
  readonly requests: ClusterRequests;
  readonly servers: SocketServers;
  readonly propagator: RedisPropagatorService;
  readonly presence: PresenceService;
  readonly sessions: SessionService;
  /**
   * Rejects where it is certain that Redis does not let this instance do what it has to. A Redis that is away may be
   * back in a moment, and does not.
   *
   * @throws PropagatorError `redis.permission`, `redis.command-failed`
   */
  verifyAccess(): Promise<void>;
  /**
   * Takes part in the cluster.
   *
   * @throws PropagatorError `redis.permission`, `redis.command-failed`
   */
  start(): Promise<void>;
  /** Waits for publishes under way; for those of a transport that never answers no longer than a publish may take. */
  drain(): Promise<void>;
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
  const expiry = new TokenExpiry(options.auth, reporter);
  const refresh = new TokenRefresh(authentication, expiry, reporter);
  const parts = createClusterParts(options, { reporter, pubSub, subscriptions, router, state });
  const { cluster, requests, commands, acks } = parts;
  const services = { ...parts, router, reporter, ackTimeoutMs: options.ackTimeoutMs };
  const presence = createPresence(options, {
    ...parts,
    reporter,
    ...transport,
    subscriptions,
    state,
  });
  const { revocations } = authentication;
  const users = new UserCommands(commands, acks, options.ackTimeoutMs);
  const drain = (): Promise<void> => bounded(router.drain(), options.publishTimeoutMs);
  return {
    reporter,
    pubSub,
    clients,
    subscriptions,
    redis: new RedisService(pubSub, subscriptions, reporter),
    state,
    router,
    cluster,
    requests,
    servers: new SocketServers(services, authentication, state, expiry, refresh, presence.gate),
    propagator: new RedisPropagatorService(router, users, reporter),
    presence: presence.service,
    sessions: createSessions(options, { requests, router, revocations, reporter }),
    verifyAccess: () => {
      const { prefix } = options;
      const channel = `${replyChannel(prefix, router.instanceId)}:probe`;
      return transport.verifyAccess({ channel, pattern: `${prefix}:*` });
    },
    start: async () => {
      await cluster.start();
      await presence.start();
    },
    drain,
    close: async () => {
      expiry.close();
      revocations.close();
      await bounded(presence.stop(), options.publishTimeoutMs);
      await bounded(cluster.stop(), options.publishTimeoutMs);
      await drain();
      requests.close();
      parts.bus.close();
      subscriptions.close();
      await transport.close();
    },
  };
}

type Foundation = Pick<Runtime, 'reporter' | 'pubSub' | 'subscriptions' | 'router' | 'state'>;

/** What instances have to do with one another, beside events. */
function createClusterParts(
  options: ResolvedOptions,
  { reporter, pubSub, subscriptions, router, state }: Foundation,
) {
  const { instanceId } = router;
  const bus = new ClusterBus(instanceId, pubSub, subscriptions, options, reporter);
  const describe = () => ({ sockets: router.socketCount, users: state.userCount });
  const cluster = new ClusterService(bus, pubSub, options, describe, reporter);
  const requests = new ClusterRequests(bus, cluster, reporter);
  const here = {
    instanceId,
    timeoutMs: options.requestTimeoutMs,
    namespaces: (name: string) => router.namespacesNamed(name),
    joining: (namespace: string, rooms: readonly string[], joined: Promise<unknown>) =>
      router.joining(namespace, rooms, joined),
  };
  return {
    bus,
    cluster,
    requests,
    commands: new SocketCommands(requests, here, reporter),
    acks: new AckRequests(requests, here),
    serverSide: new ServerSideEvents(requests, here, reporter),
  };
}

interface Transport extends Pick<Runtime, 'pubSub' | 'clients'> {
  verifyAccess(access: Access): Promise<void>;
  close(): Promise<void>;
}

function createTransport(options: ResolvedOptions, reporter: Reporter): Transport {
  const { pubSub } = options;
  if (pubSub !== undefined) {
    return { pubSub, clients: undefined, verifyAccess: async () => {}, close: async () => {} };
  }
  const clients = createRedisClients(options);
  const redis = new RedisPubSub(clients, options, reporter);
  return {
    pubSub: redis,
    clients,
    verifyAccess: (access) => redis.verifyAccess(access),
    close: () => redis.close(),
  };
}
