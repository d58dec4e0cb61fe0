import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import { reasonOf } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import { isBorrowed, isClusterConnection } from '../options/resolve-redis.js';
import type { RedisClient } from '../options/redis-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { reopenOnRefusedDatabase } from './database.js';
import { isClusterClient } from './ioredis-internals.js';
import { outliveSocketErrors } from './stream-errors.js';

/** The two connections of an instance: one publishes, the other is subscribed. */
export interface RedisClients {
  readonly publisher: RedisClient;
  readonly subscriber: RedisClient;
  /** Whether the library created them, and so closes them. */
  readonly owned: boolean;
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
    connectionName: `nestjs-redis-propagator:${role}`,
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

/** The options of a subscribed connection to one node of a Cluster, duplicated from the Cluster's own connection. */
export const SHARD_OPTIONS = {
  ...REQUIRED_OPTIONS,
  retryStrategy,
  disconnectTimeout,
  readOnly: false,
  connectionName: 'nestjs-redis-propagator:subscriber',
} as const satisfies RedisOptions;

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
    return { publisher, subscriber, owned: false, cluster: isClusterClient(publisher) };
  }
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
            connectionName: `nestjs-redis-propagator:${role}`,
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
  for (const client of [publisher, subscriber]) {
    if (isClusterClient(client)) client.on('+node', outliveSocketErrors);
    else {
      reopenOnRefusedDatabase(client);
      outliveSocketErrors(client);
    }
  }
  return { publisher, subscriber, owned: true, cluster: isClusterConnection(redis) };
}
