import type { EventChecks } from '../contract/event-checks.js';
import { AckRequests } from '../socket-io/commands/ack-requests.js';
import { ClientConnections } from '../socket-io/connections/client-connections.js';
import { ClusterBus } from '../cluster/cluster-bus.js';
import { ClusterRequests } from '../cluster/cluster-requests.js';
import { ClusterService } from '../cluster/cluster.service.js';
import { Membership } from '../cluster/membership.js';
import { createLeftHistories, createRecords } from '../cluster/records/create-records.js';
import { untilTaken } from '../routing/until-taken.js';
import { LeftSessions } from '../recovery/left-sessions.js';
import { Recovery, type RecoveryDeps } from '../recovery/recovery.js';
import { RedisSessionStore } from '../recovery/session-store.js';
import { createRepair } from '../repair/create-repair.js';
import type { Repair } from '../repair/repair.js';
import { endConnection } from '../socket-io/connections/disconnect-sockets.js';
import { GapNotices } from '../socket-io/commands/gap-notices.js';
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
import { asked } from '../reporting/asked.js';
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
import { Seal } from '../wire/seal.js';
import { guarded } from '../reporting/timers.js';
import { createOnceStore } from '../once/create-once.js';
import type { OnceStore } from '../once/once-store.js';
import { createTransport, type Transport } from './create-transport.js';
import { HandedGateways } from './handed-gateways.js';

/** An instance that was cut off for a shorter time learns of all instances that came and went meanwhile. */
const FEW_GONE_KEPT_MS = 300_000;

/** The parts of this library in one app. Apps in one process share none of them. @internal */
export interface Runtime extends Pick<Transport, 'pubSub' | 'clients'> {
  readonly reporter: Reporter;
  readonly sharedChannels: Channels;
  readonly redis: RedisService;
  readonly state: SocketStateService;
  readonly router: EventRouter;
  /** Undefined without the option `recovery`. */
  readonly recovery: Recovery | undefined;
  readonly cluster: ClusterService;
  readonly requests: ClusterRequests;
  readonly servers: SocketServers;
  readonly gateways: HandedGateways;
  readonly propagator: RedisPropagatorService;
  readonly presence: PresenceService;
  readonly sessions: SessionService;
  readonly once: OnceStore;
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
  const lateMs = options.repair?.maxAgeMs ?? 0;
  const presence = createPresence(options, {
    ...parts,
    reporter,
    readiness,
    ...transport,
    sharedChannels,
    state,
    refusals,
    hasExpired: (socket) => expiry.hasExpired(socket),
  });
  const gapNotices = options.gapNotices
    ? new GapNotices(cluster.gaps$, router.namespaces, reporter)
    : undefined;
  const once = createOnceStore(options, transport);
  const { revocations } = authentication;
  const repair = createRepair(options, { ...parts, reporter, pubSub, router, sharedChannels });
  const heardItselfAt = (): number => repair.heardItselfAt;
  const failed = reporter.failure('recovery.failed', () => 'a proof');
  const recovery =
    options.recovery &&
    new Recovery({
      ...parts,
      instanceId: router.instanceId,
      options: options.recovery,
      requestTimeoutMs: options.requestTimeoutMs,
      maxMessageBytes: options.maxMessageBytes,
      reporter,
      proofs: {
        lastOffset: () => router.encoder.lastOffset ?? '',
        settled: asked((withinMs) => untilTaken(router.publisher, withinMs), failed),
        caughtUp: asked((withinMs) => repair.caughtUp(withinMs), failed),
      },
      told: (outcome) => {
        telemetry.cameBack?.(outcome.ms / 1_000, outcome.result);
        telemetry.tracing?.cameBack(outcome);
      },
      ...createSuccession(options, { ...parts, reporter, clients, router, repair }),
    });
  const services = {
    ...parts,
    router,
    reporter,
    ackTimeoutMs,
    lateMs,
    limits,
    connections,
    recovery,
  };
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
    recovery: () => recovery?.status ?? null,
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
    recovery,
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
      presence.clients,
    ),
    gateways: new HandedGateways(),
    propagator: new RedisPropagatorService(router, users, reporter, readiness, options.contract),
    presence: presence.service,
    sessions: createSessions(options, {
      requests,
      router,
      revocations,
      reporter,
      forget: (revoked) => recovery?.revoke(revoked),
    }),
    once,
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
      if (recovery !== undefined) {
        await bounded(recovery.giveAway(), options.publishTimeoutMs);
        await bounded(recovery.leave(), options.publishTimeoutMs);
      }
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
      // Leave the newest events before the last record, after which nobody asks this instance any more.
      await bounded(repair.leave(), options.publishTimeoutMs);
      await bounded(cluster.stop(), options.publishTimeoutMs);
      await drainPublishes();
      recovery?.close();
      router.close();
      repair.close();
      requests.close();
      parts.bus.close();
      sharedChannels.close();
      once.close();
      gapNotices?.close();
      observation.close();
      contracts.close();
      await transport.close();
    },
  };
}

/** The parts by which an instance that ends leaves its sessions, and the next one continues them. */
function createSuccession(
  { recovery, secret, prefix, publishTimeoutMs }: ResolvedOptions,
  {
    clients,
    router,
    repair,
    bus,
    reporter,
  }: Pick<Runtime, 'clients' | 'router' | 'reporter'> & {
    readonly repair: Repair;
    readonly bus: ClusterBus;
  },
): Pick<RecoveryDeps, 'left' | 'hears' | 'heard' | 'eventsSince' | 'channelsOf'> {
  const { instanceId, receiver } = router;
  const left =
    clients !== undefined && recovery?.persist === true
      ? new LeftSessions({
          store: RedisSessionStore.of(clients, { prefix, publishTimeoutMs }),
          seal: secret && new Seal(secret),
          reporter,
          instanceId,
          name: bus.channel,
          maxBytes: recovery.maxBytes,
          keptMs: recovery.maxDisconnectionMs,
        })
      : undefined;
  return {
    left,
    hears: async (withinMs) => {
      const end = performance.now() + withinMs;
      if (!(await repair.laterEvents.refreshAll(withinMs))) return false;
      return repair.caughtUp(end - performance.now());
    },
    heard: () => repair.laterEvents.heard(),
    channelsOf: (namespace, rooms) => router.channelsOf(namespace, rooms),
    eventsSince: async (heard, channels) => {
      const arrivals = await repair.laterEvents.since(heard, channels);
      if (arrivals === undefined) return undefined;
      const events = [];
      for (const arrival of arrivals) {
        const read = receiver.read(arrival);
        if (read === undefined) return undefined;
        const { sentAt = 0 } = arrival;
        for (const event of read) events.push({ ...event, sentAt });
      }
      return events;
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
    { prefix, publishTimeoutMs, memberTimeoutMs, keptMs, fewKeptMs: FEW_GONE_KEPT_MS },
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
    histories: createLeftHistories(instanceId, options, clients),
    cluster,
    requests,
    commands: new SocketCommands(requests, here, reporter),
    acks: new AckRequests(requests, here),
    serverSide: new ServerSideEvents(requests, here, reporter),
  };
}
