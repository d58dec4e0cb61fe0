import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { ResolvedOptions } from '../options/resolve-options.js';
import { isBorrowed, isClusterConnection } from '../options/resolve-redis.js';
import type { RedisClient } from '../options/redis-options.js';

/** The two connections of an instance: one publishes, the other is subscribed. */
export interface RedisClients {
  readonly publisher: RedisClient;
  readonly subscriber: RedisClient;
  /** Whether we made them, and so close them. */
  readonly owned: boolean;
  /** Whether to use sharded Pub/Sub. */
  readonly cluster: boolean;
}

/** Flat and short: a subscriber that is away loses events. ioredis' own goes up to seconds. */
function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 4), 500) + Math.floor(Math.random() * 50);
}

/**
 * How long ioredis gives a connection to close, also one that has gone already: its timer keeps the process
 * alive, and a half-open connection from being replaced.
 */
const disconnectTimeout = 200;

/**
 * What we need of a connection, whatever the app configured: we do the reconnecting, the resubscribing and the
 * buffering, because ioredis' defaults re-send (which duplicates), queue without bound, and make an unhandled
 * rejection of a failed resubscription.
 */
const OWN_WAYS = {
  lazyConnect: true,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
} as const satisfies RedisOptions;

function connectionOptions(role: string, given: RedisOptions): RedisOptions {
  return {
    retryStrategy,
    connectTimeout: 5_000,
    disconnectTimeout,
    keepAlive: 10_000,
    connectionName: `nestjs-redis-propagator:${role}`,
    ...given,
    ...OWN_WAYS,
  };
}

/** @internal */
export function createRedisClients({ redis }: Pick<ResolvedOptions, 'redis'>): RedisClients {
  if (isBorrowed(redis)) {
    return { ...redis, owned: false, cluster: isClusterClient(redis.publisher) };
  }
  const create = isClusterConnection(redis)
    ? (role: string): RedisClient =>
        new Cluster(redis.nodes, {
          clusterRetryStrategy: retryStrategy,
          ...redis.options,
          ...clusterWays(role, redis.options?.redisOptions),
        }) as unknown as RedisClient
    : (role: string): RedisClient =>
        (typeof redis === 'string'
          ? new Redis(redis, connectionOptions(role, {}))
          : new Redis(connectionOptions(role, redis))) as unknown as RedisClient;
  return {
    publisher: create('publisher'),
    subscriber: create('subscriber'),
    owned: true,
    cluster: isClusterConnection(redis),
  };
}

function clusterWays(role: string, given: RedisOptions | undefined) {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    shardedSubscribers: true,
    redisOptions: {
      connectTimeout: 5_000,
      disconnectTimeout,
      connectionName: `nestjs-redis-propagator:${role}`,
      ...given,
    },
  };
}

/** `isCluster` is a property of ioredis' Cluster in versions 5 and 6. */
function isClusterClient(client: RedisClient): boolean {
  return (client as { isCluster?: boolean }).isCluster === true;
}
