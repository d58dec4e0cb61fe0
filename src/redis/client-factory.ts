import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import { reasonOf } from '../errors.js';
import { hasMethods } from '../options/checks.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import { isBorrowed, isClusterConnection } from '../options/resolve-redis.js';
import type { RedisClient } from '../options/redis-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { reopenOnRefusedDatabase } from './database.js';
import { isClusterClient } from './ioredis-internals.js';
import { outliveSocketErrors } from './stream-errors.js';
import type { SubscriberRole } from './subscriber.js';

/** The connections of an instance: one publishes, the others are subscribed. */
export interface RedisClients {
  readonly publisher: RedisClient;
  /** Subscribed to the channels of events. On a Cluster it only knows the masters. */
  readonly subscriber: RedisClient;
  /**
   * Subscribed to the channels of requests and replies. Undefined on a Cluster, whose connections are made later, and if the
   * app's subscriber cannot be duplicated and has to do both.
   */
  readonly control: RedisClient | undefined;
  /** Whether the library created the publisher and the subscriber, and so closes them. */
  readonly owned: boolean;
  /** The same, for `control`. */
  readonly ownsControl: boolean;
  /** Whether to use sharded Pub/Sub. */
  readonly cluster: boolean;
}

/**
 * The delay before a connection is opened again. It is short, because a disconnected subscriber loses events; ioredis' own
 * delay grows to seconds. It is random between half
 * and one and a half times the delay, so that the instances of a fleet do not all reconnect at the same moment.
 */
function retryStrategy(times: number): number {
  const delayMs = Math.min(50 * 2 ** Math.min(times, 4), 500);
  return Math.round(delayMs * (0.5 + Math.random()));
}

/**
 * How long ioredis waits for a connection to close, even if it is already closed. Its timer keeps the process
 * alive, and a half-open connection from being replaced.
 */
const disconnectTimeout = 200;

/**
 * The options that our connections need, whatever the app configured. The library reconnects, resubscribes and
 * buffers itself, because the defaults of ioredis resend commands (which duplicates events), queue without a limit,
 * and turn a failed resubscription into an unhandled rejection. Numbers in replies are numbers, and the names of
 * channels and keys are unchanged.
 */
const REQUIRED_OPTIONS = {
  lazyConnect: true,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  enableAutoPipelining: false,
  keyPrefix: '',
  stringNumbers: false,
} as const satisfies RedisOptions;

/**
 * Receives errors of functions that the app passed to ioredis: in its timers and listeners they would end the
 * process.
 */
type Threw = (error: unknown) => void;

const nameOf = (role: string): string => `nestjs-redis-propagator:${role}`;

/** Node runs a timer with a longer delay at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Wraps the retryStrategy of the app, which may give up: an instance must not lose its connection for good because
 * Redis was down for a while.
 */
function retryForever(given: ((times: number) => unknown) | null | undefined, threw: Threw) {
  return (times: number): number => {
    try {
      const ms = given?.(times);
      if (typeof ms === 'number' && ms >= 0 && ms <= MAX_DELAY_MS) return ms;
    } catch (error) {
      threw(error);
    }
    return retryStrategy(times);
  };
}

/** Wraps `reconnectOnError` of the app, which may throw. */
function guardReconnectOnError(
  { reconnectOnError: given }: RedisOptions,
  threw: Threw,
): RedisOptions {
  if (typeof given !== 'function') return {};
  return {
    reconnectOnError: (error) => {
      try {
        return given(error);
      } catch (thrown) {
        threw(thrown);
        return false;
      }
    },
  };
}

function connectionOptions(role: string, given: RedisOptions, threw: Threw): RedisOptions {
  return {
    connectTimeout: 5_000,
    disconnectTimeout,
    keepAlive: 10_000,
    // ioredis waits for as long as a Redis expects to load its data, up to ten seconds, before it asks again.
    maxLoadingRetryTime: 1_000,
    // Without a limit ioredis waits for ever for a Sentinel that accepts connections and never replies, and asks no
    // other one.
    sentinelCommandTimeout: 5_000,
    connectionName: nameOf(role),
    ...given,
    ...REQUIRED_OPTIONS,
    ...guardReconnectOnError(given, threw),
    retryStrategy: retryForever(given.retryStrategy, threw),
    ...(given.sentinels && {
      sentinelRetryStrategy: retryForever(given.sentinelRetryStrategy, threw),
    }),
  };
}

/** Removes the required options from the query of a URL: ioredis reads options there, and prefers them to all others. */
function withoutRequiredOptions(redis: string): string {
  const url = new URL(redis);
  const ours = Object.keys(REQUIRED_OPTIONS).filter((name) => url.searchParams.has(name));
  for (const name of ours) url.searchParams.delete(name);
  return ours.length === 0 ? redis : url.href;
}

/**
 * The same as {@link REQUIRED_OPTIONS}, for a Cluster. A command whose connection was lost may have been executed, so it is not sent again. A
 * command that waits while a node is down could change the order. Commands wait for a node only during its first
 * connection.
 */
const REQUIRED_CLUSTER_OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: true,
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
  // ShardedSubscriber makes the subscribed connections.
  shardedSubscribers: false,
  enableAutoPipelining: false,
  keyPrefix: '',
} as const satisfies ClusterOptions;

/** The options of a subscribed connection that is duplicated from another one: of the app, or of a Cluster to a node. */
export function subscriberOptions(role: SubscriberRole) {
  return {
    ...REQUIRED_OPTIONS,
    retryStrategy,
    disconnectTimeout,
    readOnly: false,
    connectionName: nameOf(role),
  } as const satisfies RedisOptions;
}

/** The connection for requests and replies beside clients of the app. Undefined if there cannot be one. */
function controlBeside(
  subscriber: RedisClient & { duplicate?(options: RedisOptions): RedisClient },
  reporter: Pick<Reporter, 'report'>,
): RedisClient | undefined {
  let reason = 'it has no method duplicate()';
  try {
    const control = subscriber.duplicate?.(subscriberOptions('control'));
    if (
      control !== undefined &&
      hasMethods(control, ['subscribe', 'unsubscribe', 'on', 'off', 'disconnect'])
    ) {
      outliveSocketErrors(control);
      return control;
    }
  } catch (error) {
    reason = reasonOf(error);
  }
  reporter.report(
    'control.shared',
    () =>
      `the client in redis.subscriber cannot be duplicated (${reason}): requests and replies between instances also arrive on ` +
      'it, and wait behind events. Pass a third client as redis.control.',
  );
  return undefined;
}

function withUrl(redis: RedisOptions): RedisOptions & { url?: string } {
  return redis;
}

/** @internal */
export function createRedisClients(
  { redis }: Pick<ResolvedOptions, 'redis'>,
  reporter: Pick<Reporter, 'report'>,
): RedisClients {
  const threw = (error: unknown): void =>
    reporter.report(
      'transport.failed',
      () => `a function in the option "redis": ${reasonOf(error)}`,
    );
  if (isBorrowed(redis)) {
    const { publisher, subscriber } = redis;
    const cluster = isClusterClient(publisher);
    const given = redis.control ?? undefined;
    const control = cluster ? undefined : (given ?? controlBeside(subscriber, reporter));
    return { publisher, subscriber, control, owned: false, ownsControl: !given, cluster };
  }
  const cluster = isClusterConnection(redis);
  const create = isClusterConnection(redis)
    ? (role: string): RedisClient =>
        new Cluster(redis.nodes, {
          // A Cluster that is down says so in the reply to any command. So no check is needed, nor the permission for
          // `CLUSTER INFO`.
          enableReadyCheck: false,
          ...redis.options,
          ...REQUIRED_CLUSTER_OPTIONS,
          clusterRetryStrategy: retryForever(redis.options?.clusterRetryStrategy, threw),
          redisOptions: {
            connectTimeout: 5_000,
            disconnectTimeout,
            connectionName: nameOf(role),
            ...redis.options?.redisOptions,
            ...guardReconnectOnError(redis.options?.redisOptions ?? {}, threw),
            keyPrefix: '',
            stringNumbers: false,
          },
        })
    : (role: string): RedisClient => {
        const { url, ...options } = typeof redis === 'string' ? { url: redis } : withUrl(redis);
        const own = connectionOptions(role, options, threw);
        return url === undefined ? new Redis(own) : new Redis(withoutRequiredOptions(url), own);
      };
  const [publisher, subscriber] = [create('publisher'), create('subscriber')];
  const control = cluster ? undefined : create('control');
  for (const client of [publisher, subscriber, control]) {
    if (client === undefined) continue;
    if (isClusterClient(client)) client.on('+node', outliveSocketErrors);
    else {
      reopenOnRefusedDatabase(client);
      outliveSocketErrors(client);
    }
  }
  return { publisher, subscriber, control, owned: true, ownsControl: true, cluster };
}
