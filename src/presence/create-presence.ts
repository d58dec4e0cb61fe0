import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterService } from '../cluster/cluster.service.js';
import { misused } from '../options/checks.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { ChannelSubscriptions } from '../channels/channels.js';
import type { RedisClients } from '../redis/client-factory.js';
import type { Readiness } from '../reporting/readiness.js';
import type { Reporter } from '../reporting/reporter.js';
import type { SocketGate } from '../auth/authentication.js';
import type { SocketStateService } from '../auth/socket-state.service.js';
import { createPresenceStore } from './create-presence-store.js';
import type { PresenceStore } from './store/presence-store.js';
import { PresenceTracker } from './tracker/presence-tracker.js';
import { PresenceWatch } from './presence-watch.js';
import { PresenceService } from './presence.service.js';
import { SocketLimit } from './socket-limit.js';

interface Surroundings {
  readonly reporter: Reporter;
  readonly pubSub: PubSub;
  readonly clients: RedisClients | undefined;
  readonly subscriptions: ChannelSubscriptions;
  readonly state: SocketStateService;
  readonly cluster: ClusterService;
  readonly requests: ClusterRequests;
  readonly readiness: Readiness;
}

/** Presence of one instance, put together. @internal */
export interface Presence {
  readonly service: PresenceService;
  /** With a limit of sockets only. */
  readonly gate: SocketGate | undefined;
  /** @throws PropagatorError `redis.permission`, `redis.command-failed` */
  start(): Promise<void>;
  /** The app has started: whoever wants to hear of changes listens. */
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
export function createPresence(options: ResolvedOptions, around: Surroundings): Presence {
  const { presence, prefix } = options;
  const { state, cluster, reporter, readiness, subscriptions } = around;
  const store = createPresenceStore(options, around);
  if (presence === undefined || store === undefined) {
    if (options.auth?.maxSocketsPerUser !== undefined) {
      throw misused(
        'auth.maxSocketsPerUser',
        `${options.auth.maxSocketsPerUser}, with a transport of your own as "pubSub"`,
        'Sockets are counted where presence is kept: in Redis, or by InMemoryPubSub.',
      );
    }
    const service = new PresenceService(undefined, state);
    return { ...ABSENT, service };
  }
  const lease = () => tracker.currentLease;
  const limit = createLimit(options, { ...around, store, lease });
  const { instanceId } = cluster.self;
  const tracker = new PresenceTracker(store, instanceId, presence, {
    ...around,
    onRetold: () => limit?.forgotten(),
    onRenewed: () => void limit?.catchUp(),
  });
  // What an instance leaves is looked after at once, not with the next heartbeat.
  const left = cluster.changes$.subscribe(({ type }) => {
    if (type !== 'joined') void tracker.beat();
  });
  const watch = new PresenceWatch(subscriptions, prefix, reporter);
  return {
    service: new PresenceService({ store, tracker, watch, readiness }, state),
    gate: limit,
    start: () => tracker.start(),
    appStarted: () => tracker.appStarted(),
    appEnding: () => tracker.appEnding(),
    stop: async () => {
      left.unsubscribe();
      await tracker.stop();
    },
  };
}

function createLimit(
  { auth }: ResolvedOptions,
  around: { store: PresenceStore } & ConstructorParameters<typeof SocketLimit>[1],
): SocketLimit | undefined {
  const { maxSocketsPerUser, onTooManySockets } = auth ?? {};
  if (maxSocketsPerUser === undefined || onTooManySockets === undefined) return undefined;
  return new SocketLimit({ maxSocketsPerUser, onTooManySockets }, around);
}
