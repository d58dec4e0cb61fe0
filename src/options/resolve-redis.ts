import type { ClusterNode, RedisOptions } from 'ioredis';
import { isUrl } from '../kinds.js';
import { checkClientOptions, isClusterClient } from './borrowed-clients.js';
import { checkKnown, hasMethods, invalid, isOptions, misused, shown } from './checks.js';
import { checkHost, checkRedisOption, DATABASE, presentOptions } from './redis-option-checks.js';
import {
  CLUSTER_OPTIONS,
  CLUSTER_REDIS_OPTIONS,
  REDIS_OPTIONS,
  SENTINEL_ADDRESS,
} from './redis-option-names.js';
import type {
  BorrowedRedisClients,
  RedisClient,
  RedisClusterConnection,
  RedisConnection,
  RedisUrlConnection,
} from './redis-options.js';

export const DEFAULT_REDIS_URL = 'redis://localhost:6379';

const EXAMPLES =
  `Write a URL such as '${DEFAULT_REDIS_URL}', ioredis options such as { host: 'localhost', port: 6379 }, ` +
  'Sentinel options { sentinels, name }, Cluster nodes { nodes }, or clients { publisher, subscriber, control? }.';

const NODES =
  "Write at least one node, such as [{ host: 'localhost', port: 7000 }], each an object, 'host:port' or a port.";
const SENTINELS =
  'Write at least one Sentinel, such as [{ host: \'localhost\', port: 26379 }], and the name of the group as "name".';

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
  if (isUrl(given)) throw invalid('redis', given, 'Pass it as a string: url.href.');
  if (!isOptions(given)) throw invalid('redis', given, EXAMPLES);
  const redis = given as RedisConnection;
  // First of all: ioredis' Cluster also has "subscriber" and "nodes".
  if (hasMethods(given, ['publish', 'subscribe'])) {
    throw misused(
      'redis',
      'one ioredis client',
      'A subscribed connection takes no other commands: pass two, { publisher: client, subscriber: client.duplicate() }.',
    );
  }
  if (isBorrowed(redis)) return checkedClients(redis);
  if (isClusterConnection(redis)) return checkedCluster(redis);
  if ('url' in given) return checkedUrlWithOptions(given);
  return checkedOptions(given);
}

/** Options next to the URL, none of which contradicts it. */
function checkedUrlWithOptions({ url: given, ...rest }: { url?: unknown }): RedisUrlConnection {
  if (typeof given !== 'string') {
    throw invalid('redis.url', given, `Write a URL such as '${DEFAULT_REDIS_URL}'.`);
  }
  const url = checkedUrl(given, 'redis.url');
  const options = checkedOptions(rest) as RedisOptions;
  const inUrl = partsOf(url);
  for (const [name, value] of Object.entries(options)) {
    const says = inUrl[name];
    if (says === undefined || says === String(value)) continue;
    throw misused(
      `redis.${name}`,
      'another value than the one in redis.url',
      'Say it once: leave it out here, or in the URL.',
    );
  }
  for (const name of ['path', 'sentinels'] as const) {
    if (options[name] === undefined || options[name] === null) continue;
    throw misused(
      `redis.${name}`,
      'it beside redis.url',
      'Both say where Redis is: leave one out.',
    );
  }
  if (url.startsWith('rediss:') && options.tls === null) {
    throw invalid('redis.tls', null, 'The URL asks for TLS: leave it out, or write redis://.');
  }
  return { ...options, url };
}

/** The ioredis options that a URL contains. */
function partsOf(given: string): Record<string, string> {
  const url = new URL(given);
  const parts = {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port,
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    db: url.pathname.slice(1),
  };
  const said = Object.entries(parts).filter(([, value]) => value !== '');
  return { ...Object.fromEntries(said), ...Object.fromEntries(url.searchParams) };
}

function checkedUrl(given: string, option = 'redis'): string {
  // The URL of another scheme may have no host, and ioredis would use its path as the host.
  const url = /^rediss?:\/\//i.test(given) && URL.canParse(given) ? new URL(given) : undefined;
  // Without a host ioredis connects to this machine.
  if (url === undefined || url.hostname === '') throw invalid(option, given, EXAMPLES);
  if (!isEncoded(url.username) || !isEncoded(url.password)) {
    throw invalid(
      option,
      given,
      'The user name or the password has a % that begins no escape: write encodeURIComponent(password).',
    );
  }
  const database = url.pathname.slice(1);
  if (!DATABASE.test(database)) {
    throw invalid(
      option,
      given,
      `The path of the URL is the number of a database, and ${shown(database)} is none. Write a number, such as redis://localhost:6379/0, or leave it out.`,
    );
  }
  // ioredis reads options from the query.
  const parameters = Object.fromEntries(url.searchParams);
  checkKnown('redis', parameters, Object.keys(REDIS_OPTIONS));
  for (const name of ['db', 'port'] as const) {
    if (name in parameters) checkRedisOption('redis', name, parameters[name], REDIS_OPTIONS[name]);
  }
  // ioredis compares "rediss://" literally: in capital letters there would be no TLS.
  return `${url.protocol}${given.slice(url.protocol.length)}`;
}

/** ioredis would throw its own error. */
function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function checkedClients(given: BorrowedRedisClients): BorrowedRedisClients {
  checkKnown('redis', given, ['publisher', 'subscriber', 'control']);
  for (const role of ['publisher', 'subscriber', 'control'] as const) {
    if (role === 'control' && given.control === undefined) continue;
    if (!hasMethods(given[role], ['publish', 'subscribe', 'unsubscribe', 'on', 'off'])) {
      throw invalid(
        `redis.${role}`,
        given[role],
        'Pass both { publisher, subscriber }, each an ioredis client (new Redis() or new Cluster()).',
      );
    }
    checkClientOptions(`redis.${role}`, given[role] as RedisClient);
  }
  if (given.publisher === given.subscriber) {
    throw misused(
      'redis.subscriber',
      'the same client as redis.publisher',
      'A subscribed connection takes no other commands: pass publisher.duplicate().',
    );
  }
  if (isClusterClient(given.publisher) !== isClusterClient(given.subscriber)) {
    throw misused(
      'redis.subscriber',
      'one client of a Cluster and one of a single Redis',
      'The subscriber has to receive the messages of the publisher: pass publisher.duplicate().',
    );
  }
  checkControl(given);
  return given;
}

function checkControl({ publisher, subscriber, control }: BorrowedRedisClients): void {
  if (control === undefined) return;
  if (isClusterClient(control) || isClusterClient(publisher)) {
    throw misused(
      'redis.control',
      'a client of a Cluster',
      'On a Cluster the library makes this connection itself: leave it out.',
    );
  }
  if (control === publisher || control === subscriber) {
    throw misused(
      'redis.control',
      'a client that is passed twice',
      'It needs a connection of its own: pass publisher.duplicate(), or leave it out.',
    );
  }
}

function checkedCluster(given: RedisClusterConnection): RedisClusterConnection {
  checkKnown('redis', given, ['nodes', 'options']);
  if (!Array.isArray(given.nodes) || given.nodes.length === 0) {
    throw invalid('redis.nodes', given.nodes, NODES);
  }
  const nodes = Array.from(given.nodes, (node, index) =>
    checkedNode(`redis.nodes[${index}]`, node),
  );
  if (given.options === undefined) return { nodes };
  const options = presentOptions('redis.options', given.options, CLUSTER_OPTIONS);
  const { redisOptions } = options;
  if (redisOptions === undefined) return { nodes, options };
  const name = 'redis.options.redisOptions';
  const ofNodes = presentOptions(name, redisOptions, CLUSTER_REDIS_OPTIONS);
  if (Number(ofNodes['db'] ?? 0) !== 0) {
    throw invalid(`${name}.db`, ofNodes['db'], 'A Cluster has database 0 only: leave it out.');
  }
  return { nodes, options: { ...options, redisOptions: ofNodes } };
}

function checkedNode(name: string, given: unknown): ClusterNode {
  if (isOptions(given)) {
    const node = presentOptions(name, given, REDIS_OPTIONS);
    checkHost(name, node);
    return node;
  }
  if (typeof given === 'number') {
    checkRedisOption(name, '', given, 'port');
    return given;
  }
  if (typeof given !== 'string' || given === '') throw invalid(name, given, NODES);
  if (/^rediss:/i.test(given)) {
    // ioredis would take host and port from the URL, and the connection would not be encrypted.
    throw invalid(name, given, 'Write TLS as options: { redisOptions: { tls: {} } }.');
  }
  const url = given.includes('://') ? given : `redis://${given}`;
  if (!URL.canParse(url) || new URL(url).hostname === '') throw invalid(name, given, NODES);
  const { protocol, pathname } = new URL(url);
  if (protocol !== 'redis:') throw invalid(name, given, NODES);
  if (!/^\/?0?$/.test(pathname)) {
    throw invalid(name, given, 'A Cluster has database 0 only: leave the path out.');
  }
  return given;
}

/** If two addresses are given, ioredis uses one and silently ignores the other. */
function checkPlaces(options: Record<string, unknown>): void {
  const isThere = (name: string): boolean => options[name] !== undefined && options[name] !== null;
  const [place, other] = ['sentinels', 'path', 'host'].filter(isThere);
  if (place === undefined || other === undefined) return;
  throw misused(
    `redis.${other}`,
    `it beside redis.${place}`,
    'Both say where Redis is: leave one out.',
  );
}

function checkedOptions(given: object): RedisConnection {
  const options = presentOptions('redis', given, REDIS_OPTIONS);
  const { sentinels, name, monitor, role } = options;
  if (role === 'slave') {
    throw invalid(
      'redis.role',
      role,
      'A message published at a replica reaches only subscribers of that replica: leave it out.',
    );
  }
  if (monitor === true) {
    throw invalid('redis.monitor', true, 'A connection that monitors takes no other commands.');
  }
  checkHost('redis', options);
  checkPlaces(options);
  if (sentinels === undefined || sentinels === null) return options;
  if (!Array.isArray(sentinels) || sentinels.length === 0) {
    throw invalid('redis.sentinels', sentinels, SENTINELS);
  }
  for (const [index, address] of sentinels.entries()) {
    const at = `redis.sentinels[${index}]`;
    checkHost(at, presentOptions(at, address, SENTINEL_ADDRESS));
  }
  if (typeof name !== 'string' || name === '') {
    throw invalid(
      'redis.name',
      name,
      'Write the name that the Sentinels have for the group, such as "mymaster".',
    );
  }
  return options;
}
