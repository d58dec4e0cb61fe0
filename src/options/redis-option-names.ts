import type { ClusterOptions, RedisOptions } from 'ioredis';

/** The types of ioredis options. Each option may also be null, which is ioredis' own default for some. */
export type RedisOptionKind =
  | 'text'
  | 'port'
  | 'database'
  | 'family'
  | 'number'
  /** A number that may be negative. */
  | 'signed'
  | 'flag'
  | 'function'
  | 'tls'
  | 'list'
  /** Checked only by ioredis. */
  | 'any';

/**
 * All options of `new Redis(options)` in ioredis 5 and 6. A test compares the names with the types of both, so that
 * no known option is refused.
 */
export const REDIS_OPTIONS = {
  host: 'text',
  port: 'port',
  family: 'family',
  path: 'text',
  username: 'text',
  password: 'text',
  db: 'database',
  tls: 'tls',
  name: 'text',
  role: 'text',
  sentinels: 'list',
  sentinelUsername: 'text',
  sentinelPassword: 'text',
  sentinelTLS: 'tls',
  enableTLSForSentinelMode: 'flag',
  sentinelRetryStrategy: 'function',
  sentinelReconnectStrategy: 'function',
  sentinelCommandTimeout: 'number',
  sentinelMaxConnections: 'number',
  preferredSlaves: 'any',
  updateSentinels: 'flag',
  failoverDetector: 'flag',
  natMap: 'any',
  connectTimeout: 'number',
  disconnectTimeout: 'number',
  commandTimeout: 'number',
  blockingTimeout: 'signed',
  blockingTimeoutGrace: 'number',
  socketTimeout: 'number',
  keepAlive: 'number',
  noDelay: 'flag',
  connectionName: 'text',
  disableClientInfo: 'flag',
  clientInfoTag: 'text',
  keyPrefix: 'text',
  protocol: 'number',
  replyMapping: 'text',
  stringNumbers: 'flag',
  readOnly: 'flag',
  monitor: 'flag',
  lazyConnect: 'flag',
  retryStrategy: 'function',
  reconnectOnError: 'function',
  maxRetriesPerRequest: 'signed',
  maxLoadingRetryTime: 'number',
  autoResubscribe: 'flag',
  autoResendUnfulfilledCommands: 'flag',
  enableAutoPipelining: 'flag',
  autoPipeliningIgnoredCommands: 'list',
  enableOfflineQueue: 'flag',
  enableReadyCheck: 'flag',
  offlineQueue: 'flag',
  commandQueue: 'flag',
  showFriendlyErrorStack: 'flag',
  scripts: 'any',
  himportFieldsets: 'list',
  Connector: 'function',
} as const satisfies Record<keyof RedisOptions, RedisOptionKind>;

/** All options of `new Cluster(nodes, options)` in ioredis 5 and 6. */
export const CLUSTER_OPTIONS = {
  redisOptions: 'any',
  clusterRetryStrategy: 'function',
  clusterNodeRetryStrategy: 'function',
  enableOfflineQueue: 'flag',
  enableReadyCheck: 'flag',
  scaleReads: 'any',
  maxRedirections: 'number',
  retryDelayOnFailover: 'number',
  retryDelayOnClusterDown: 'number',
  retryDelayOnTryAgain: 'number',
  retryDelayOnMoved: 'number',
  slotsRefreshTimeout: 'number',
  slotsRefreshInterval: 'number',
  shardedSubscribers: 'flag',
  lazyConnect: 'flag',
  useSRVRecords: 'flag',
  resolveSrv: 'function',
  dnsLookup: 'function',
  natMap: 'any',
  enableAutoPipelining: 'flag',
  autoPipeliningIgnoredCommands: 'list',
  keyPrefix: 'text',
  showFriendlyErrorStack: 'flag',
  scripts: 'any',
  replyMapping: 'text',
  himportFieldsets: 'list',
} as const satisfies Record<keyof ClusterOptions | 'replyMapping', RedisOptionKind>;

/** Options that a Cluster sets for its connections itself. */
const OF_THE_CLUSTER: ReadonlySet<string> = new Set([
  'host',
  'port',
  'path',
  'sentinels',
  'retryStrategy',
  'enableOfflineQueue',
  'readOnly',
  'himportFieldsets',
]);

/** The options in `redisOptions` of a Cluster. */
export const CLUSTER_REDIS_OPTIONS: Readonly<Record<string, RedisOptionKind>> = Object.fromEntries(
  Object.entries(REDIS_OPTIONS).filter(([name]) => !OF_THE_CLUSTER.has(name)),
);

/** An address among `sentinels`. */
export const SENTINEL_ADDRESS = {
  host: 'text',
  port: 'port',
  family: 'family',
} as const satisfies Record<string, RedisOptionKind>;
