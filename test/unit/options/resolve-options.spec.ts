import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import * as standardParser from 'socket.io-parser';
import { PropagatorError, type RedisPropagatorOptions } from '../../../src/index.js';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { DEFAULTS, OPTION_NAMES, resolveOptions } from '../../../src/options/resolve-options.js';
import { DEFAULT_REDIS_URL } from '../../../src/options/resolve-redis.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const logger = new MemoryLogger();

function resolve(options: unknown) {
  return resolveOptions(options as RedisPropagatorOptions, logger);
}

function errorOf(options: unknown): PropagatorError {
  try {
    resolve(options);
  } catch (error) {
    if (error instanceof PropagatorError) return error;
    throw error;
  }
  throw new Error(`these options were accepted: ${JSON.stringify(options)}`);
}

const authenticate = () => null;
const client = new Redis({ lazyConnect: true });
const other = client.duplicate();
const cluster = new Cluster([{ port: 7000 }], { lazyConnect: true });
const inStrings = new Redis({ lazyConnect: true, stringNumbers: true });
const prefixed = new Redis({ lazyConnect: true, keyPrefix: 'mine:' });
const replica = new Redis({
  lazyConnect: true,
  sentinels: [{ host: 'x' }],
  name: 'y',
  role: 'slave',
});
const clusterPrefixed = new Cluster([{ port: 7000 }], { lazyConnect: true, keyPrefix: 'mine:' });
const clusterNodesPrefixed = new Cluster([{ port: 7000 }], {
  lazyConnect: true,
  redisOptions: { keyPrefix: 'mine:' },
});
const clusterInStrings = new Cluster([{ port: 7000 }], {
  lazyConnect: true,
  redisOptions: { stringNumbers: true },
});

describe('the options', () => {
  it('have defaults, which the doc comment of each one names', () => {
    expect(resolve(undefined)).toEqual({
      redis: 'redis://localhost:6379',
      pubSub: undefined,
      contract: undefined,
      validate: { emit: false, receive: false },
      validateOneIn: 1,
      prefix: 'propagator',
      auth: undefined,
      presence: {
        graceMs: 5_000,
        leaseMs: 10_000,
        lastSeenMs: 30 * 24 * 3_600_000,
        canWatch: undefined,
        maxWatchedUsers: 200,
        heartbeatIntervalMs: 2_000,
      },
      outbox: { maxEvents: 10_000, maxBytes: 16_777_216, maxAgeMs: 30_000 },
      repair: { maxBytes: 16_777_216, maxAgeMs: 60_000, maxLeftBytes: 1_048_576 },
      secret: undefined,
      limits: {
        eventsPerSecond: undefined,
        eventBurst: undefined,
        refusals: 100,
        roomsPerSocket: 1000,
        nameBytes: 256,
      },
      sharedHandshake: { auth: [], query: [], headers: [] },
      slowClients: { maxBufferedBytes: 8_388_608, policy: 'disconnect' },
      coalesceWrites: true,
      gapNotices: true,
      overload: { eventLoopDelayMs: 200, pendingPublishes: 5_000 },
      shutdown: { drainMs: 5_000, clientsPerSecond: 200 },
      connectTimeoutMs: 2000,
      subscribeTimeoutMs: 2000,
      publishTimeoutMs: 5000,
      requestTimeoutMs: 5000,
      ackTimeoutMs: 10_000,
      heartbeatIntervalMs: 2000,
      memberTimeoutMs: 10_000,
      maxMessageBytes: 4_194_304,
      parser: standardParser,
      logger,
    });
    expect(resolve({})).toEqual(resolve(undefined));
    expect(resolve({ auth: { authenticate } }).auth).toEqual({
      authenticate: expect.any(Function),
      required: false,
      publicGateways: [],
      timeoutMs: 5000,
      tokenFromQuery: false,
      expiryWarningMs: 60_000,
      revocationMs: 5000,
      maxMetadataBytes: 1024,
      handshakesPerSecond: undefined,
      maxSocketsPerUser: undefined,
      onTooManySockets: 'disconnect-oldest',
    });
  });

  it('are all documented, each with its default', () => {
    const source = readFileSync('src/options/propagator-options.ts', 'utf8');
    const documented = [...source.matchAll(/@default (.+)\n {3}\*\/\n {2}(\w+)\?:/g)];
    const defaults = Object.fromEntries(documented.map(([, value, name]) => [name, value]));
    const declared = [...source.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name);
    expect(declared).toEqual([...OPTION_NAMES]);
    expect(Object.keys(defaults)).toEqual([...OPTION_NAMES]);
    expect(Object.keys(resolve({}))).toEqual([...OPTION_NAMES]);
    for (const [name, value] of Object.entries({ ...DEFAULTS, redis: DEFAULT_REDIS_URL })) {
      expect([name, defaults[name]]).toEqual([
        name,
        typeof value === 'string' ? `'${value}'` : String(value),
      ]);
    }
  });

  it('do not change once the app runs', () => {
    const options = resolve({ auth: { authenticate } });
    expect(Object.isFrozen(options)).toBe(true);
    expect(Object.isFrozen(options.auth)).toBe(true);
    expect(Object.isFrozen(DEFAULTS)).toBe(true);
  });

  const accepted: [string, object][] = [
    ['a URL', { redis: 'redis://localhost' }],
    ['a TLS URL', { redis: 'rediss://user:pass@redis.example:6380/2' }],
    ['ioredis options', { redis: { host: 'localhost', port: 6380, password: 'x' } }],
    ['Sentinels', { redis: { sentinels: [{ host: 'localhost', port: 26379 }], name: 'main' } }],
    ['a Cluster', { redis: { nodes: [{ host: 'localhost', port: 7000 }], options: {} } }],
    ['borrowed clients', { redis: { publisher: client, subscriber: client.duplicate() } }],
    [
      'a third borrowed client',
      {
        redis: {
          publisher: client,
          subscriber: client.duplicate(),
          control: client.duplicate(),
        },
      },
    ],
    [
      'borrowed Cluster clients',
      { redis: { publisher: cluster, subscriber: cluster.duplicate() } },
    ],
    ['a transport', { pubSub: new InMemoryPubSub() }],
    ['a prefix with parts', { prefix: 'my-app:staging_2.eu' }],
    ['heartbeats twice per time-out', { memberTimeoutMs: 4000, heartbeatIntervalMs: 2000 }],
    ['the smallest limits', { connectTimeoutMs: 1, maxMessageBytes: 1024 }],
    ['the largest limits', { publishTimeoutMs: 600_000, maxMessageBytes: 536_870_912 }],
    ['a parser', { parser: standardParser }],
    ['a logger', { logger: console }],
    [
      'limits of auth',
      {
        auth: {
          authenticate,
          expiryWarningMs: 0,
          handshakesPerSecond: 100_000,
          clientAddress: () => '::1',
          revocationMs: 0,
          maxMetadataBytes: 0,
        },
      },
    ],
    ['all of auth', { auth: { authenticate, required: true, extractToken: () => 'x' } }],
  ];
  it.each(accepted)('accept %s unchanged', (_, given) => {
    const { auth } = given as { auth?: object };
    const functions = Object.entries(auth ?? {}).filter(([, value]) => typeof value === 'function');
    const bound = functions.map(([name]) => [name, expect.any(Function)]);
    expect(resolve(given)).toMatchObject({
      ...given,
      ...(auth && { auth: { ...auth, ...Object.fromEntries(bound) } }),
    });
  });

  /** The options, the named option, the given value in the message, and the suggested value. */
  const refused: [given: unknown, option: string, shown: string, remedy: string][] = [
    ['redis://localhost', 'options', '"redis://localhost"', 'Write an object'],
    [{ redis: 'localhost:6379' }, 'redis', '"localhost:6379"', "'redis://localhost:6379'"],
    [{ redis: 'http://localhost' }, 'redis', '"http://localhost"', 'Write a URL such as'],
    [{ redis: '' }, 'redis', '""', 'Write a URL such as'],
    [{ redis: null }, 'redis', 'null', 'Write a URL such as'],
    [{ redis: 6379 }, 'redis', '6379', 'Write a URL such as'],
    [{ redis: [] }, 'redis', '[]', '{ nodes }'],
    [{ redis: 'redis://:50%off@x' }, 'redis', '"redis://:***@x"', 'encodeURIComponent(password)'],
    [{ redis: { url: undefined } }, 'redis.url', 'undefined', 'Write a URL such as'],
    [{ redis: { url: 'http://x' } }, 'redis.url', '"http://x"', 'Write a URL such as'],
    [{ redis: { url: 'redis://x/y' } }, 'redis.url', '"redis://x/y"', 'number of a database'],
    [{ redis: { url: 'redis://x', host: 'y' } }, 'redis.host', 'another value', 'Say it once'],
    [{ redis: { url: 'redis://x:1', port: 2 } }, 'redis.port', 'another value', 'Say it once'],
    [{ redis: { url: 'redis://x/1', db: 2 } }, 'redis.db', 'another value', 'Say it once'],
    [{ redis: { url: 'redis://x?db=1', db: 2 } }, 'redis.db', 'another value', 'Say it once'],
    [
      { redis: { url: 'redis://:secret-1@x', password: 'secret-2' } },
      'redis.password',
      'another value than the one in redis.url',
      'Say it once',
    ],
    [
      { redis: { url: 'redis://x', path: '/y' } },
      'redis.path',
      'it beside redis.url',
      'leave one out',
    ],
    [
      { redis: { url: 'redis://x', sentinels: [{ host: 'y' }], name: 'z' } },
      'redis.sentinels',
      'it beside redis.url',
      'leave one out',
    ],
    [{ redis: { url: 'rediss://x', tls: null } }, 'redis.tls', 'null', 'asks for TLS'],
    [{ redis: { role: 'slave' } }, 'redis.role', '"slave"', 'leave it out'],
    [{ redis: new URL('redis://x') }, 'redis', '"redis://x"', 'url.href'],
    [{ redis: client }, 'redis', 'one ioredis client', 'subscriber: client.duplicate()'],
    [{ redis: cluster }, 'redis', 'one ioredis client', 'subscriber: client.duplicate()'],
    [
      { redis: { publisher: client } },
      'redis.subscriber',
      'undefined',
      '{ publisher, subscriber }',
    ],
    [{ redis: { publisher: 5, subscriber: client } }, 'redis.publisher', '5', 'an ioredis client'],
    [
      { redis: { publisher: client, subscriber: other, control: 5 } },
      'redis.control',
      '5',
      'an ioredis client',
    ],
    [
      { redis: { publisher: client, subscriber: other, control: other } },
      'redis.control',
      'a client that is passed twice',
      'publisher.duplicate()',
    ],
    [
      { redis: { publisher: cluster, subscriber: cluster.duplicate(), control: client } },
      'redis.control',
      'a client of a Cluster',
      'leave it out',
    ],
    [
      { redis: { publisher: client, subscriber: client } },
      'redis.subscriber',
      'the same client as redis.publisher',
      'publisher.duplicate()',
    ],
    [
      { redis: { publisher: inStrings, subscriber: client } },
      'redis.publisher',
      'a client with the option stringNumbers',
      'pass one without it',
    ],
    [
      { redis: { publisher: cluster, subscriber: clusterInStrings } },
      'redis.subscriber',
      'a client with the option stringNumbers',
      'pass one without it',
    ],
    [
      { redis: { publisher: client, subscriber: prefixed } },
      'redis.subscriber',
      'a client with the option keyPrefix',
      'use the option "prefix"',
    ],
    [
      { redis: { publisher: clusterPrefixed, subscriber: cluster } },
      'redis.publisher',
      'a client with the option keyPrefix',
      'use the option "prefix"',
    ],
    [
      { redis: { publisher: cluster, subscriber: clusterNodesPrefixed } },
      'redis.subscriber',
      'a client with the option keyPrefix',
      'use the option "prefix"',
    ],
    [
      { redis: { publisher: replica, subscriber: client } },
      'redis.publisher',
      'a client with the option role: "slave"',
      'at a replica',
    ],
    [{ redis: { nodes: [] } }, 'redis.nodes', '[]', 'at least one node'],
    [{ redis: { nodes: 'a:7000' } }, 'redis.nodes', '"a:7000"', "[{ host: 'localhost'"],
    [{ pubSub: {} }, 'pubSub', '{}', 'new InMemoryPubSub()'],
    [{ pubSub: null }, 'pubSub', 'null', 'implements PubSub'],
    [
      { pubSub: new InMemoryPubSub(), redis: 'redis://localhost' },
      'pubSub',
      'both "pubSub" and "redis"',
      'leave one of them out',
    ],
    [{ prefix: '' }, 'prefix', '""', "such as 'my-app:staging'"],
    [{ prefix: 'a/b' }, 'prefix', '"a/b"', 'Use letters, digits'],
    [{ prefix: 'a:' }, 'prefix', '"a:"', "parts joined by ':'"],
    [{ prefix: 'a b' }, 'prefix', '"a b"', 'Use letters, digits'],
    [{ prefix: 'a\n' }, 'prefix', '"a\\n"', 'Use letters, digits'],
    [{ prefix: 7 }, 'prefix', '7', 'Use letters, digits'],
    [{ prefix: 'a'.repeat(257) }, 'prefix', '"aaa', 'at most 256 characters'],
    [{ redis: 'redis://' }, 'redis', '"redis://"', 'Write a URL'],
    ...['extractToken', 'clientAddress'].map((name): [object, string, string, string] => [
      { auth: { authenticate, [name]: async () => 'x' } },
      `auth.${name}`,
      'an async function',
      'await in authenticate',
    ]),
    [{ auth: true }, 'auth', 'true', 'Write { authenticate'],
    [{ auth: null }, 'auth', 'null', 'Write { authenticate'],
    [{ auth: {} }, 'auth.authenticate', 'undefined', 'Write a function (token, socket)'],
    [{ auth: { authenticate: 'jwt' } }, 'auth.authenticate', '"jwt"', 'Write a function'],
    [{ auth: { authenticate, required: 'yes' } }, 'auth.required', '"yes"', 'true or false'],
    [{ auth: { authenticate, publicGateways: [{}] } }, 'auth.publicGateways', '[{}]', 'of classes'],
    [{ auth: { authenticate, timeoutMs: 0 } }, 'auth.timeoutMs', '0', 'from 1 to 600000'],
    [{ auth: { authenticate, tokenFromQuery: 1 } }, 'auth.tokenFromQuery', '1', 'true or false'],
    [{ auth: { authenticate, extractToken: {} } }, 'auth.extractToken', '{}', 'Write a function'],
    [{ auth: { authenticate, revocationMs: -1 } }, 'auth.revocationMs', '-1', 'from 0 to 3600000'],
    [{ auth: { authenticate, revocationMs: '5s' } }, 'auth.revocationMs', '"5s"', 'such as 5000'],
    [
      { auth: { authenticate, maxMetadataBytes: 65_537 } },
      'auth.maxMetadataBytes',
      '65537',
      'from 0 to 65536',
    ],
    [
      { auth: { authenticate, expiryWarningMs: -1 } },
      'auth.expiryWarningMs',
      '-1',
      'from 0 to 86400000',
    ],
    [
      { auth: { authenticate, expiryWarningMs: '60s' } },
      'auth.expiryWarningMs',
      '"60s"',
      'such as 60000',
    ],
    [
      { auth: { authenticate, handshakesPerSecond: 0 } },
      'auth.handshakesPerSecond',
      '0',
      'from 1 to 100000',
    ],
    [
      { auth: { authenticate, handshakesPerSecond: null } },
      'auth.handshakesPerSecond',
      'null',
      'such as 10',
    ],
    [
      { auth: { authenticate, handshakesPerSecond: 0.5 } },
      'auth.handshakesPerSecond',
      '0.5',
      'a whole number',
    ],
    [
      { auth: { authenticate, clientAddress: 'x-forwarded-for' } },
      'auth.clientAddress',
      '"x-forwarded-for"',
      'Write a function (socket) => string',
    ],
    [
      { auth: { authenticate, tokenFromQuery: true, extractToken: () => 'x' } },
      'auth.tokenFromQuery',
      'true, with auth.extractToken',
      'leave one of them out',
    ],
    [
      { auth: { authenticate, onTooManySockets: 'disconnect-oldest' } },
      'auth.onTooManySockets',
      '"disconnect-oldest"',
      'It goes with auth.maxSocketsPerUser',
    ],
    [{ auth: [] }, 'auth', '[]', 'Write { authenticate'],
    [{ presence: [] }, 'presence', '[]', 'or false for none'],
    [{ outbox: () => {} }, 'outbox', 'a function', 'or false for none'],
    [{ repair: new Map() }, 'repair', '{}', 'or false for none'],
    [{ overload: 'no' }, 'overload', '"no"', 'or false'],
    [{ slowClients: true }, 'slowClients', 'true', 'or false'],
    [{ shutdown: 5000 }, 'shutdown', '5000', 'Write { drainMs'],
    [{ coalesceWrites: 'yes' }, 'coalesceWrites', '"yes"', 'true or false'],
    [{ connectTimeoutMs: '2000' }, 'connectTimeoutMs', '"2000"', 'such as 2000'],
    [{ connectTimeoutMs: 1.5 }, 'connectTimeoutMs', '1.5', 'a whole number'],
    [{ subscribeTimeoutMs: Number.NaN }, 'subscribeTimeoutMs', 'NaN', 'a whole number'],
    [{ publishTimeoutMs: 600_001 }, 'publishTimeoutMs', '600001', 'from 1 to 600000'],
    [{ publishTimeoutMs: 10n }, 'publishTimeoutMs', '10n', 'a whole number'],
    [{ requestTimeoutMs: -1 }, 'requestTimeoutMs', '-1', 'such as 5000'],
    [{ ackTimeoutMs: {} }, 'ackTimeoutMs', '{}', 'such as 10000'],
    [{ heartbeatIntervalMs: 0 }, 'heartbeatIntervalMs', '0', 'such as 2000'],
    [{ memberTimeoutMs: 'x' }, 'memberTimeoutMs', '"x"', 'such as 10000'],
    [
      { memberTimeoutMs: 3999, heartbeatIntervalMs: 2000 },
      'memberTimeoutMs',
      '3999',
      'at least twice heartbeatIntervalMs (2000)',
    ],
    [{ heartbeatIntervalMs: 6000 }, 'memberTimeoutMs', '10000', 'heartbeatIntervalMs (6000)'],
    [{ maxMessageBytes: 1023 }, 'maxMessageBytes', '1023', 'from 1024 to 536870912'],
    [{ maxMessageBytes: Infinity }, 'maxMessageBytes', 'Infinity', 'such as 4194304'],
    [{ parser: {} }, 'parser', '{}', 'the classes Encoder and Decoder'],
    [{ parser: null }, 'parser', 'null', 'the same parser as to your Socket.IO server'],
    [{ logger: {} }, 'logger', '{}', 'log, warn and error'],
    [{ logger: () => {} }, 'logger', 'a function', 'log, warn and error'],
    [{ logger: Symbol('log') }, 'logger', 'Symbol(log)', 'log, warn and error'],
  ];
  it.each(refused)(
    'refuse %p, and name %s, the value and the remedy',
    (given, option, shown, remedy) => {
      const { code, message } = errorOf(given);
      expect(code).toBe('option.invalid');
      expect(message).toContain(`Option "${option}": got ${shown}`);
      expect(message).toContain(remedy);
    },
  );

  it.each([
    [{ reids: 'x' }, 'reids', OPTION_NAMES.join(', ')],
    [{ auth: { authenticate, secret: 'x' } }, 'auth.secret', 'authenticate, required'],
    [
      { redis: { publisher: client, subscriber: client, db: 1 } },
      'redis.db',
      'publisher, subscriber',
    ],
    [{ redis: { nodes: [{ port: 1 }], db: 1 } }, 'redis.db', 'nodes, options'],
  ])('refuse the unknown name in %p, and list the known ones', (given, option, known) => {
    const { code, message } = errorOf(given);
    expect(code).toBe('option.unknown');
    expect(message).toContain(`Option "${option}" does not exist. Known options: ${known}`);
  });
});
