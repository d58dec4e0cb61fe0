import { isUrl } from '../kinds.js';
import { checkKnown, hasMethods, invalid, misused } from './checks.js';
import type {
  BorrowedRedisClients,
  RedisClusterConnection,
  RedisConnection,
} from './redis-options.js';

export const DEFAULT_REDIS_URL = 'redis://localhost:6379';

const EXAMPLES =
  `Write a URL such as '${DEFAULT_REDIS_URL}', ioredis options such as { host: 'localhost', port: 6379 }, ` +
  'Sentinel options { sentinels, name }, Cluster nodes { nodes }, or clients { publisher, subscriber }.';

/** @internal */
export function isBorrowed(redis: RedisConnection): redis is BorrowedRedisClients {
  return typeof redis === 'object' && ('publisher' in redis || 'subscriber' in redis);
}

/** @internal */
export function isClusterConnection(redis: RedisConnection): redis is RedisClusterConnection {
  return typeof redis === 'object' && 'nodes' in redis;
}

/** @internal */
export function resolveRedis(given: unknown): RedisConnection {
  if (given === undefined) return DEFAULT_REDIS_URL;
  if (typeof given === 'string') return checkedUrl(given);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid('redis', given, EXAMPLES);
  }
  if (isUrl(given)) throw invalid('redis', given, 'Pass it as a string: url.href.');
  const redis = given as RedisConnection;
  // First of all: ioredis' Cluster has a "subscriber" and "nodes" as well.
  if (hasMethods(given, ['publish', 'subscribe'])) {
    throw misused(
      'redis',
      'one ioredis client',
      'A subscribed connection takes no other commands: pass two, { publisher: client, subscriber: client.duplicate() }.',
    );
  }
  if (isBorrowed(redis)) return checkedClients(redis);
  if (isClusterConnection(redis)) return checkedCluster(redis);
  if (typeof redis === 'object' && 'url' in redis) {
    throw invalid('redis', given, `ioredis has no option "url". ${EXAMPLES}`);
  }
  return redis;
}

function checkedUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || (url.protocol !== 'redis:' && url.protocol !== 'rediss:')) {
    throw invalid('redis', given, EXAMPLES);
  }
  return given;
}

function checkedClients(given: BorrowedRedisClients): BorrowedRedisClients {
  checkKnown('redis', given, ['publisher', 'subscriber']);
  for (const role of ['publisher', 'subscriber'] as const) {
    if (!hasMethods(given[role], ['publish', 'subscribe', 'unsubscribe', 'on', 'off'])) {
      throw invalid(
        `redis.${role}`,
        given[role],
        'Pass both { publisher, subscriber }, each an ioredis client (new Redis() or new Cluster()).',
      );
    }
    if (answersInStrings(given[role])) {
      throw misused(
        `redis.${role}`,
        'a client with the option stringNumbers',
        'Numbers in answers have to be numbers: pass one without it.',
      );
    }
  }
  if (given.publisher === given.subscriber) {
    throw misused(
      'redis.subscriber',
      'the same client as redis.publisher',
      'A subscribed connection takes no other commands: pass publisher.duplicate().',
    );
  }
  if (isCluster(given.publisher) !== isCluster(given.subscriber)) {
    throw misused(
      'redis.subscriber',
      'one client of a Cluster and one of a single Redis',
      'What one publishes the other has to hear: pass publisher.duplicate().',
    );
  }
  return given;
}

/** The option of a client, or of a Cluster's connections. */
function answersInStrings(client: object): boolean {
  interface Options {
    /** Out of the query of a URL it is a text. */
    stringNumbers?: unknown;
    redisOptions?: Options;
  }
  const { options } = client as { options?: Options };
  return Boolean(options?.stringNumbers) || Boolean(options?.redisOptions?.stringNumbers);
}

/** A property of ioredis' Cluster in versions 5 and 6. */
function isCluster(client: object): boolean {
  return (client as { isCluster?: boolean }).isCluster === true;
}

function checkedCluster(given: RedisClusterConnection): RedisClusterConnection {
  checkKnown('redis', given, ['nodes', 'options']);
  if (!Array.isArray(given.nodes) || given.nodes.length === 0) {
    throw invalid(
      'redis.nodes',
      given.nodes,
      "Write at least one node, such as [{ host: 'localhost', port: 7000 }].",
    );
  }
  return given;
}
