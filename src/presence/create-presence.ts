import type { SocketGate, SocketListener } from '../auth/authentication.js';
import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import type { Refusals } from '../auth/refusals.js';
import type { SocketStateService } from '../auth/socket-state.service.js';
import type { Channels } from '../channels/channels.js';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterService } from '../cluster/cluster.service.js';
import { misused } from '../options/checks.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { RedisClients } from '../redis/client-factory.js';
import { sharedState } from '../redis/in-memory-pub-sub.js';
import { RedisScripts } from '../redis/redis-scripts.js';
import type { Readiness } from '../reporting/readiness.js';
import type { Reporter } from '../reporting/reporter.js';
import { ClientWatches } from './client-watches.js';
import { PresenceWatch } from './presence-watch.js';
import { PresenceService } from './presence.service.js';
import { SocketLimit } from './socket-limit.js';
import { InMemoryPresenceStore, PresenceTable } from './store/in-memory-presence-store.js';
import type { PresenceStore } from './store/presence-store.js';
import { RedisPresenceStore } from './store/redis-presence-store.js';
import { PresenceTracker } from './tracker/presence-tracker.js';
import { guarded } from '../reporting/timers.js';

interface PresenceDeps {
  readonly reporter: Reporter;
  readonly pubSub: PubSub;
  readonly clients: RedisClients | undefined;
  readonly sharedChannels: Channels;
  readonly state: SocketStateService;
  readonly cluster: ClusterService;
  readonly requests: ClusterRequests;
  readonly readiness: Readiness;
  readonly refusals: Refusals;
  readonly hasExpired: (socket: AuthenticatedSocket) => boolean;
}

/** Presence of one instance. @internal */
export interface Presence {
  readonly service: PresenceService;
  /** Undefined without a socket limit. */
  readonly gate: SocketGate | undefined;
  /** The users that clients watch. */
  readonly clients: SocketListener;
  /** @throws PropagatorError `redis.permission`, `redis.command-failed` */
  start(): Promise<void>;
  /** The app has started, and its subscribers subscribe. */
  appStarted(): void;
  appEnding(): void;
  stop(): Promise<void>;
}

const ABSENT = {
  gate: undefined,
  start: async () => {},
  appStarted: () => {},
  appEnding: () => {},
  stop: async () => {},
};

/** @internal */
export function createPresence(options: ResolvedOptions, deps: PresenceDeps): Presence {
  const { presence, prefix } = options;
  const { state, cluster, reporter, readiness, sharedChannels } = deps;
  const store = createPresenceStore(options, deps);
  const clientDeps = { ...deps, nameBytes: options.limits.nameBytes };
  if (presence === undefined || store === undefined) {
    if (options.auth?.maxSocketsPerUser !== undefined) {
      throw misused(
        'auth.maxSocketsPerUser',
        `${options.auth.maxSocketsPerUser}, with a transport of your own as "pubSub"`,
        'Sockets are counted where presence is kept: in Redis, or by InMemoryPubSub.',
      );
    }
    if (presence?.canWatch !== undefined) {
      throw misused(
        'presence.canWatch',
        'a function, with a transport of your own as "pubSub"',
        'Presence is kept in Redis, or by InMemoryPubSub.',
      );
    }
    const service = new PresenceService(undefined, state);
    return { ...ABSENT, service, clients: new ClientWatches(undefined, clientDeps) };
  }
  const watch = new PresenceWatch(sharedChannels, prefix, reporter);
  const clients = new ClientWatches(presence, clientDeps, {
    ...deps,
    store,
    watch,
    prefix,
    leaseMs: presence.leaseMs,
  });
  const lease = () => tracker.currentLease;
  const limit = createLimit(options, { ...deps, store, lease });
  const { instanceId } = cluster.self;
  const failed = reporter.failure('presence.failed', () => 'users on all instances');
  const tracker = new PresenceTracker(store, instanceId, presence, {
    ...deps,
    onResend: () => {
      limit?.forgotten();
      clients.lost();
    },
    onRenewed: guarded(failed, () => limit?.catchUp()),
  });
  // Take over the users of an instance that has left at once, not with the next heartbeat.
  const left = cluster.changes$.subscribe(
    guarded(failed, ({ type }) => (type === 'joined' ? undefined : tracker.beat())),
  );
  return {
    service: new PresenceService({ store, tracker, watch, readiness }, state),
    gate: limit,
    clients,
    start: () => tracker.start(),
    appStarted: () => tracker.appStarted(),
    appEnding: () => tracker.appEnding(),
    stop: async () => {
      left.unsubscribe();
      clients.close();
      await tracker.stop();
    },
  };
}

function createLimit(
  { auth }: ResolvedOptions,
  deps: { store: PresenceStore } & ConstructorParameters<typeof SocketLimit>[1],
): SocketLimit | undefined {
  const { maxSocketsPerUser, onTooManySockets } = auth ?? {};
  if (maxSocketsPerUser === undefined || onTooManySockets === undefined) return undefined;
  return new SocketLimit({ maxSocketsPerUser, onTooManySockets }, deps);
}

type Options = Pick<ResolvedOptions, 'presence' | 'prefix' | 'publishTimeoutMs'>;

/** The presence store for the transport. Undefined if presence is switched off, or with an app's own transport. @internal */
export function createPresenceStore(
  { presence, prefix, publishTimeoutMs }: Options,
  { pubSub, clients }: { readonly pubSub: PubSub; readonly clients: RedisClients | undefined },
): PresenceStore | undefined {
  if (presence === undefined) return undefined;
  if (clients !== undefined) {
    const pattern = `${prefix}:presence:*`;
    const scripts = new RedisScripts(clients.publisher, publishTimeoutMs, pattern);
    return new RedisPresenceStore(scripts, prefix, clients.cluster, presence);
  }
  const table = sharedState(pubSub, `presence:${prefix}`, () => new PresenceTable());
  if (table === undefined) return undefined;
  return new InMemoryPresenceStore(table, pubSub, prefix, presence);
}
