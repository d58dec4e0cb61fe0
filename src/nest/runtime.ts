import type { EventChecks } from '../contract/event-checks.js';
import { AckRequests } from '../socket-io/commands/ack-requests.js';
import { ClientConnections } from '../socket-io/connections/client-connections.js';
import { ClusterBus } from '../cluster/cluster-bus.js';
import { ClusterRequests } from '../cluster/cluster-requests.js';
import { ClusterService } from '../cluster/cluster.service.js';
import { Membership } from '../cluster/membership.js';
import { createRecords } from '../cluster/records/create-records.js';
import { createRepair } from '../repair/create-repair.js';
import { endConnection } from '../socket-io/connections/disconnect-sockets.js';
import { EventRouter } from '../routing/event-router.js';
import { ServerSideEvents } from '../socket-io/commands/server-side-events.js';
import { SocketCommands } from '../socket-io/commands/socket-commands.js';
import { SocketServers } from '../socket-io/adapter/socket-servers.js';
import { Telemetry } from '../routing/telemetry.js';
import { ContractWatch } from '../observability/contract-watch.js';
import { DiagnosticsService } from '../observability/diagnostics.service.js';
import { PropagatorHealthIndicator } from '../observability/health-indicator.js';
import type { InstanceView } from '../observability/instance-view.js';
import { Observation } from '../observability/observation.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import { RedisPropagatorService } from '../propagation/redis-propagator.service.js';
import { UserCommands } from '../propagation/user-commands.js';
import { createPresence } from '../presence/create-presence.js';
import type { PresenceService } from '../presence/presence.service.js';
import { Channels } from '../channels/channels.js';
import { bounded } from '../redis/quit.js';
import { RedisService } from '../channels/redis.service.js';
import type { LoadService } from '../reporting/load.js';
import { LoadMonitor } from '../reporting/load-monitor.js';
import { Readiness } from '../reporting/readiness.js';
import { Reporter } from '../reporting/reporter.js';
import { createSessions, type SessionService } from '../sessions/session.service.js';
import { Authentication } from '../auth/authentication.js';
import { Refusals } from '../auth/refusals.js';
import { SocketStateService } from '../auth/socket-state.service.js';
import { TokenExpiry } from '../auth/token-expiry.js';
import { TokenRefresh } from '../auth/token-refresh.js';
import { replyChannel } from '../wire/channel-names.js';
import { guarded } from '../reporting/timers.js';
import { createTransport, type Transport } from './create-transport.js';
import { HandedGateways } from './handed-gateways.js';

/** The parts of this library in one app. Apps in one process share none of them. @internal */
export interface Runtime extends Pick<Transport, 'pubSub' | 'clients'> {
  readonly reporter: Reporter;
  readonly sharedChannels: Channels;
  readonly redis: RedisService;
  readonly state: SocketStateService;
  readonly router: EventRouter;
  readonly cluster: ClusterService;
  readonly requests: ClusterRequests;
  readonly servers: SocketServers;
  readonly gateways: HandedGateways;
  readonly propagator: RedisPropagatorService;
  readonly presence: PresenceService;
  readonly sessions: SessionService;
  readonly readiness: Readiness;
  readonly load: LoadService;
  readonly health: PropagatorHealthIndicator;
  readonly diagnostics: DiagnosticsService;
  /** When the newest message of this instance to itself that came back was sent, in monotonic time (`performance.now()`). */
  heardItselfAt(): number;
  /** The contract of the app, and what is validated. */
  readonly checks: EventChecks | undefined;
  /** Whether the app has the option `auth`. */
  readonly authenticates: boolean;
  /** The gateways whose clients need not be authenticated; undefined without the option `auth`. */
  readonly publicGateways: readonly object[] | undefined;
  /**
   * Rejects if Redis does not permit the work of this instance. Resolves if Redis is down, because it may be back in a
   * moment.
   *
   * @throws PropagatorError `redis.permission`, `redis.command-failed`
   */
  verifyAccess(): Promise<void>;
  /**
   * Joins the cluster.
   *
   * @throws PropagatorError `redis.permission`, `redis.command-failed`
   */
  start(): Promise<void>;
  /** Called when the whole app has started. */
  appStarted(): void;
  /** Called when the app is about to end: load balancers and clients should choose other instances. */
  refuseClients(): void;
  /**
   * Disconnects the clients, and waits for pending work: a moment for requests to other instances, and for
   * publishes no longer than a publish may take.
   */
  drain(): Promise<void>;
  /** Closes everything that was created here. A transport supplied by the app stays open. */
  close(): Promise<void>;
}

/** @internal */
export function createRuntime(options: ResolvedOptions): Runtime {
  const reporter = new Reporter(options.logger);
  const readiness = new Readiness();
  const transport = createTransport(options, reporter);
  const { pubSub, clients } = transport;
  const sharedChannels = new Channels(pubSub, reporter);
  const state = new SocketStateService();
  const telemetry = new Telemetry();
  const router = new EventRouter(pubSub, sharedChannels, options, reporter, telemetry);
  const authentication = new Authentication(options.auth, reporter);
  const expiry = new TokenExpiry(options.auth, reporter);
  const refusals = new Refusals(options.limits.refusals, reporter, (connection, reason) =>
    endConnection(connection, reason, reporter),
  );
  const refresh = new TokenRefresh(authentication, expiry, refusals, reporter);
  const parts = createClusterParts(options, {
    reporter,
    pubSub,
    clients,
    sharedChannels,
    router,
    state,
  });
  const { cluster, requests, commands, acks } = parts;
  const { ackTimeoutMs, limits } = options;
  const connections = new ClientConnections(options, reporter);
  const services = { ...parts, router, reporter, ackTimeoutMs, limits, connections };
  const presence = createPresence(options, {
    ...parts,
    reporter,
    readiness,
    ...transport,
    sharedChannels,
    state,
  });
  const { revocations } = authentication;
  const repair = createRepair(options, { ...parts, reporter, pubSub, router, sharedChannels });
  const heardItselfAt = (): number => repair.heardItselfAt;
  const users = new UserCommands(commands, acks, options.ackTimeoutMs);
  const base = {
    options,
    reporter,
    readiness,
    telemetry,
    pubSub,
    router,
    state,
    subscriptions: sharedChannels,
  };
  const view: InstanceView = {
    ...base,
    cluster,
    connections: transport.connections,
    redisVersion: transport.redisVersion,
    repair: () => repair.status,
    heardItselfAt,
    presence: () => ({
      enabled: options.presence !== undefined,
      leased: presence.service.leased,
    }),
  };
  const observation = new Observation(view);
  const contracts = new ContractWatch(cluster, reporter);
  const { load } = telemetry;
  const pending = (): number => router.pendingPublishes;
  const monitor = new LoadMonitor(load, options.overload, pending, reporter);
  const drainPublishes = (): Promise<void> => bounded(router.drain(), options.publishTimeoutMs);
  return {
    reporter,
    pubSub,
    clients,
    sharedChannels,
    redis: new RedisService(pubSub, sharedChannels, reporter, readiness),
    state,
    router,
    cluster,
    requests,
    servers: new SocketServers(
      services,
      authentication,
      state,
      expiry,
      refresh,
      refusals,
      presence.gate,
    ),
    gateways: new HandedGateways(),
    propagator: new RedisPropagatorService(router, users, reporter, readiness, options.contract),
    presence: presence.service,
    sessions: createSessions(options, { requests, router, revocations, reporter }),
    readiness,
    load,
    health: new PropagatorHealthIndicator(view),
    diagnostics: new DiagnosticsService(view),
    heardItselfAt,
    checks: options.contract,
    authenticates: options.auth !== undefined,
    publicGateways: options.auth?.publicGateways,
    verifyAccess: () => {
      const { prefix } = options;
      const channel = `${replyChannel(prefix, router.instanceId)}:probe`;
      return transport.verifyAccess({ channel, pattern: `${prefix}:*` });
    },
    start: async () => {
      await observation.start();
      contracts.start();
      repair.start();
      await cluster.start();
      await presence.start();
      connections.slow.start();
      monitor.start();
      readiness.started();
    },
    appStarted: () => presence.appStarted(),
    refuseClients: () => {
      presence.appEnding();
      readiness.draining();
      connections.draining.begin();
    },
    drain: async () => {
      readiness.draining();
      await Promise.all([connections.draining.run(), bounded(requests.settled())]);
      await drainPublishes();
    },
    close: async () => {
      readiness.closed();
      monitor.close();
      connections.slow.close();
      expiry.close();
      revocations.close();
      await bounded(presence.stop(), options.publishTimeoutMs);
      // The last record has to count the last events, or an instance that misses them would not notice.
      await drainPublishes();
      await bounded(cluster.stop(), options.publishTimeoutMs);
      await drainPublishes();
      router.close();
      repair.close();
      requests.close();
      parts.bus.close();
      sharedChannels.close();
      observation.close();
      contracts.close();
      await transport.close();
    },
  };
}

type Foundation = Pick<
  Runtime,
  'reporter' | 'pubSub' | 'clients' | 'sharedChannels' | 'router' | 'state'
>;

/** The parts that exchange messages, but no events, with other instances. */
function createClusterParts(
  options: ResolvedOptions,
  { reporter, pubSub, clients, sharedChannels, router, state }: Foundation,
) {
  const { instanceId } = router;
  const { guard } = router;
  const bus = new ClusterBus(instanceId, pubSub, sharedChannels, options, reporter, guard);
  const hash = options.contract?.hash;
  const describe = () => ({
    sockets: router.namespaces.socketCount,
    users: state.userCount,
    sequence: router.publisher.sequence,
    lanes: router.publisher.heads(),
    ...(hash !== undefined && { contract: hash }),
  });
  const { prefix, publishTimeoutMs, memberTimeoutMs, repair } = options;
  const keptMs = Math.max(memberTimeoutMs, repair?.maxAgeMs ?? 0);
  const records = createRecords(
    instanceId,
    { prefix, publishTimeoutMs, memberTimeoutMs, keptMs },
    { pubSub, clients },
  );
  const membership = new Membership({ bus, pubSub, records, describe, reporter }, options);
  const failed = reporter.failure('heartbeat.failed', () => 'the version of the envelope');
  membership.wireVersion$.subscribe(guarded(failed, (version) => router.useWireVersion(version)));
  const cluster = new ClusterService(options, membership, reporter);
  const requests = new ClusterRequests(bus, cluster, reporter);
  const { sharedHandshake, maxMessageBytes } = options;
  const here = {
    instanceId,
    sharedHandshake,
    maxMessageBytes,
    nameBytes: options.limits.nameBytes,
    timeoutMs: options.requestTimeoutMs,
    namespaces: (name: string) => router.namespaces.named(name),
    joining: (namespace: string, rooms: readonly string[], joined: Promise<unknown>) =>
      router.pendingJoins.add(namespace, rooms, joined),
  };
  return {
    bus,
    membership,
    cluster,
    requests,
    commands: new SocketCommands(requests, here, reporter),
    acks: new AckRequests(requests, here),
    serverSide: new ServerSideEvents(requests, here, reporter),
  };
}
