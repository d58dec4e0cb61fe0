import { describe, expect, it } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import { Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { ClusterOptions as ClusterOptions5, RedisOptions as RedisOptions5 } from 'ioredis-v5';
import { PropagatorError, type RedisPropagatorOptions } from '../../../src/index.js';
import {
  CLUSTER_OPTIONS,
  CLUSTER_REDIS_OPTIONS,
  REDIS_OPTIONS,
} from '../../../src/options/redis-option-names.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const resolved = (redis: unknown) =>
  resolveOptions({ redis } as RedisPropagatorOptions, new MemoryLogger()).redis;

function errorOf(redis: unknown): PropagatorError {
  try {
    resolved(redis);
  } catch (error) {
    if (error instanceof PropagatorError) return error;
    throw error;
  }
  throw new Error('these options were accepted');
}

const nodes = [{ host: 'localhost', port: 7000 }];
const sentinels = [{ host: 'localhost', port: 26_379 }];

describe('the names of ioredis options', () => {
  it('are those of ioredis 5 and 6', () => {
    expectTypeOf<keyof typeof REDIS_OPTIONS>().toEqualTypeOf<
      keyof RedisOptions | keyof RedisOptions5
    >();
    expectTypeOf<keyof typeof CLUSTER_OPTIONS>().toEqualTypeOf<
      keyof ClusterOptions | keyof ClusterOptions5 | 'replyMapping'
    >();
    // Listing a name twice would be a type error.
    expect(Object.keys(REDIS_OPTIONS).length).toBeGreaterThan(50);
  });

  it('are in redisOptions of a Cluster those of ioredis 5 and 6, too', () => {
    type Names =
      | keyof NonNullable<ClusterOptions['redisOptions']>
      | keyof NonNullable<ClusterOptions5['redisOptions']>;
    const names = Object.keys(CLUSTER_REDIS_OPTIONS) as Names[];
    const rest = Object.keys(REDIS_OPTIONS).filter((name) => !names.includes(name as Names));
    expectTypeOf<Exclude<keyof typeof REDIS_OPTIONS, Names>>().toEqualTypeOf<
      | 'host'
      | 'port'
      | 'path'
      | 'sentinels'
      | 'retryStrategy'
      | 'enableOfflineQueue'
      | 'readOnly'
      | 'himportFieldsets'
    >();
    expect(rest.sort()).toEqual([
      'enableOfflineQueue',
      'himportFieldsets',
      'host',
      'path',
      'port',
      'readOnly',
      'retryStrategy',
      'sentinels',
    ]);
  });

  it('include every option for which ioredis has a default', () => {
    const { defaultOptions } = Redis as unknown as { defaultOptions: object };
    const missing = Object.keys(defaultOptions).filter((name) => !(name in REDIS_OPTIONS));
    expect(missing).toEqual([]);
  });
});

describe('the option redis', () => {
  it.each<[string, unknown]>([
    ['a database in the URL', 'redis://localhost/3'],
    ['a URL with a slash and no database', 'rediss://user:pass@localhost:6380/'],
    ['options in the query of the URL', 'redis://localhost/0?connectTimeout=500&family=6&db=1'],
    ['port and database as texts', { port: '6380', db: '2' }],
    ['null, where ioredis has it', { password: null, username: null, retryStrategy: null }],
    ['no retries', { maxRetriesPerRequest: -1 }],
    ['TLS', { host: 'localhost', tls: { rejectUnauthorized: false } }],
    ['a profile for TLS', { tls: 'RedisCloudFixed' }],
    ['a path', { path: '/run/redis.sock' }],
    ['functions', { retryStrategy: () => 5, reconnectOnError: () => true }],
    ['nodes as texts and ports', { nodes: ['localhost:7000', 'redis://localhost:7001', 7002] }],
    ['Cluster options', { nodes, options: { natMap: {}, redisOptions: { password: 'x' } } }],
    ['Sentinels', { sentinels, name: 'main', sentinelPassword: 'x', role: 'master' }],
  ])('accepts %s unchanged', (_, redis) => {
    expect(resolved(redis)).toEqual(redis);
  });

  it('accepts all options of ioredis', () => {
    const values = {
      text: 'x',
      port: 1,
      database: 1,
      family: 4,
      number: 1,
      signed: -1,
      flag: false,
      function: () => 1,
      tls: {},
      list: sentinels,
      any: {},
    };
    const all = Object.fromEntries(
      Object.entries(REDIS_OPTIONS).map(([name, kind]) => [name, values[kind]]),
    );
    // Only one address can be given.
    const { host, path, sentinels: addresses, ...others } = all;
    for (const place of [{ host }, { path }, { sentinels: addresses }]) {
      expect(resolved({ ...others, ...place })).toEqual({ ...others, ...place });
    }
  });

  it('leaves out undefined values, so that they replace no default', () => {
    const given = { host: undefined, retryStrategy: undefined, port: 1 };
    expect(Object.keys(resolved(given))).toEqual(['port']);
  });

  it('recognises TLS by the scheme in any case', () => {
    expect(resolved('REDISS://User:Pass@Localhost:1/2')).toBe('rediss://User:Pass@Localhost:1/2');
  });

  it.each<[redis: unknown, option: string, meant: string | null]>([
    [{ socket: { host: 'redis.example' } }, 'redis.socket', 'host'],
    [{ host: 'x', database: 1 }, 'redis.database', 'db'],
    [{ hots: 'x' }, 'redis.hots', 'host'],
    [{ hostname: 'x' }, 'redis.hostname', 'host'],
    [{ user: 'x' }, 'redis.user', 'username'],
    [{ pass: 'x' }, 'redis.pass', 'password'],
    [{ Password: 'x' }, 'redis.Password', 'password'],
    [{ ssl: true }, 'redis.ssl', 'tls'],
    [{ retryStratgey: () => 1 }, 'redis.retryStratgey', 'retryStrategy'],
    [{ pingInterval: 1 }, 'redis.pingInterval', null],
    [{ sentinel: sentinels, name: 'x' }, 'redis.sentinel', 'sentinels'],
    [{ sentinels: [{ hots: 'x' }], name: 'x' }, 'redis.sentinels[0].hots', 'host'],
    [{ nodes, redisOptions: {} }, 'redis.redisOptions', 'options'],
    [{ nodes, options: { password: 'x' } }, 'redis.options.password', null],
    [
      { nodes, options: { redisOptions: { pasword: 'x' } } },
      'redis.options.redisOptions.pasword',
      'password',
    ],
    [{ nodes, options: { redisOptions: { host: 'x' } } }, 'redis.options.redisOptions.host', null],
    [{ nodes: [{ hots: 'x' }] }, 'redis.nodes[0].hots', 'host'],
    ['redis://localhost?pasword=x', 'redis.pasword', 'password'],
    [{ constructor: 1 }, 'redis.constructor', null],
    [{ ['x'.repeat(100_000)]: 1 }, 'redis.xxx', null],
  ])('refuses the unknown name in %j', (redis, option, meant) => {
    const { code, message } = errorOf(redis);
    expect(code).toBe('option.unknown');
    expect(message).toContain(`Option "${option}`);
    expect(message.length).toBeLessThan(2_500);
    expect(/Did you mean "(\w+)"\?/.exec(message)?.[1] ?? null).toBe(meant);
  });

  it.each<[redis: unknown, option: string, says: string]>([
    [
      'redis://localhost/x',
      'redis',
      'The path of the URL is the number of a database, and "x" is none',
    ],
    ['redis://localhost/0/1', 'redis', '"0/1" is none'],
    ['redis://localhost/-1', 'redis', '"-1" is none'],
    ['redis://localhost/1.5', 'redis', '"1.5" is none'],
    ['redis://localhost?db=x', 'redis.db', 'the number of a database'],
    ['redis:localhost', 'redis', 'Write a URL'],
    ['redis:/localhost', 'redis', 'Write a URL'],
    [{ db: -1 }, 'redis.db', 'the number of a database'],
    [{ db: 1.5 }, 'redis.db', 'the number of a database'],
    [{ db: Number.NaN }, 'redis.db', 'got NaN'],
    [{ db: 'x' }, 'redis.db', 'the number of a database'],
    [{ db: [0] }, 'redis.db', 'the number of a database'],
    [{ port: Number.NaN }, 'redis.port', 'got NaN. Write a whole number from 0 to 65535'],
    [{ port: 65_536 }, 'redis.port', 'from 0 to 65535'],
    [{ port: -1 }, 'redis.port', 'from 0 to 65535'],
    [{ port: '' }, 'redis.port', 'from 0 to 65535'],
    [{ port: '63 79' }, 'redis.port', 'from 0 to 65535'],
    [{ host: 5 }, 'redis.host', 'a value of type number'],
    [{ host: ['a'] }, 'redis.host', 'a value of type object'],
    [{ password: 42_424_242 }, 'redis.password', 'a value of type number'],
    [{ connectTimeout: '5s' }, 'redis.connectTimeout', 'Write a number'],
    [{ connectTimeout: Infinity }, 'redis.connectTimeout', 'Write a number'],
    [{ connectTimeout: -1 }, 'redis.connectTimeout', 'a number from 0 to'],
    [{ family: 5 }, 'redis.family', 'Write 4, 6, or 0'],
    [{ retryStrategy: 5 }, 'redis.retryStrategy', 'Write a function'],
    [{ readOnly: 'no' }, 'redis.readOnly', 'true or false'],
    [{ tls: 'yes' }, 'redis.tls', 'tls.connect()'],
    [{ tls: false }, 'redis.tls', 'leave it out for a connection without TLS'],
    [{ monitor: true }, 'redis.monitor', 'takes no other commands'],
    [new Map([['host', 'x']]), 'redis', 'Write a URL'],
    [() => 'redis://localhost', 'redis', 'Write a URL'],
    [{ sentinels: [], name: 'x' }, 'redis.sentinels', 'at least one Sentinel'],
    [{ sentinels: 'localhost', name: 'x' }, 'redis.sentinels', 'Write a list'],
    [{ sentinels: ['localhost'], name: 'x' }, 'redis.sentinels[0]', 'Write an object'],
    [{ sentinels }, 'redis.name', 'the name that the Sentinels have'],
    [{ nodes: [undefined] }, 'redis.nodes[0]', 'at least one node'],
    [{ nodes: [[]] }, 'redis.nodes[0]', 'at least one node'],
    [{ nodes: [''] }, 'redis.nodes[0]', 'at least one node'],
    [{ nodes: ['a b c'] }, 'redis.nodes[0]', 'at least one node'],
    [{ nodes: [Number.NaN] }, 'redis.nodes[0]', 'from 0 to 65535'],
    [{ nodes: [{ port: 'x' }] }, 'redis.nodes[0].port', 'from 0 to 65535'],
    [{ nodes: ['rediss://localhost:7000'] }, 'redis.nodes[0]', 'redisOptions: { tls: {} }'],
    [{ nodes, options: [] }, 'redis.options', 'Write an object'],
    [{ nodes, options: { redisOptions: 'x' } }, 'redis.options.redisOptions', 'Write an object'],
    [
      { nodes, options: { redisOptions: { db: 1 } } },
      'redis.options.redisOptions.db',
      'database 0 only',
    ],
    [
      { nodes, options: { scaleReads: 'slave', maxRedirections: 'x' } },
      'redis.options.maxRedirections',
      'a number',
    ],
  ])('refuses %j', (redis, option, says) => {
    const { code, message } = errorOf(redis);
    expect(code).toBe('option.invalid');
    expect(message).toContain(`Option "${option}"`);
    expect(message).toContain(says);
    expect(message).not.toContain('42424242');
  });
});

it('accepts options that a class defines as getters', () => {
  class Settings {
    get host() {
      return 'redis.internal';
    }
    get tls() {
      return {};
    }
  }
  expect(resolved(new Settings())).toEqual({ host: 'redis.internal', tls: {} });
});

describe('options that are instances of classes', () => {
  class Secrets {
    #pem = 'a certificate';
    get ca() {
      return this.#pem;
    }
    checkServerIdentity() {
      return new Error(this.#pem);
    }
  }
  class Node {
    #port = 7_001;
    readonly host = 'node.internal';
    get port() {
      return this.#port;
    }
  }
  class Settings {
    #delayMs = 123;
    readonly tls = new Secrets();
    retryStrategy() {
      return this.#delayMs;
    }
    reconnectOnError() {
      return this.#delayMs === 123;
    }
    Connector = class {};
  }
  class ClusterSettings {
    #port = 7_002;
    readonly redisOptions = new Settings();
    clusterRetryStrategy() {
      return this.#port;
    }
    natMap(key: string) {
      return { host: key, port: this.#port };
    }
  }
  it('keep the `this` of their functions', () => {
    const settings = new Settings();
    const options = resolved(settings) as RedisOptions;
    const { retryStrategy, reconnectOnError, tls } = options;
    expect(retryStrategy?.(1)).toBe(123);
    expect(reconnectOnError?.(new Error('x'))).toBe(true);
    // A class is not bound: ioredis makes instances of it.
    expect(options.Connector).toBe(settings.Connector);
    // ioredis copies own properties only.
    expect({ ...tls }).toMatchObject({ ca: 'a certificate' });
    const { checkServerIdentity } = tls as { checkServerIdentity: () => Error };
    expect(checkServerIdentity().message).toBe('a certificate');
  });

  it('keep it on a Cluster, and the addresses of nodes are read', () => {
    const redis = { nodes: [new Node()], options: new ClusterSettings() };
    const { nodes: given, options } = resolved(redis) as {
      nodes: unknown;
      options: ClusterOptions;
    };
    expect(given).toEqual([{ host: 'node.internal', port: 7_001 }]);
    expect(options.clusterRetryStrategy?.(1)).toBe(7_002);
    expect(options.redisOptions?.reconnectOnError?.(new Error('x'))).toBe(true);
    expect({ ...options.redisOptions?.tls }).toMatchObject({ ca: 'a certificate' });
    const { natMap } = options;
    expect(typeof natMap === 'function' && natMap('a')).toEqual({ host: 'a', port: 7_002 });
  });
});
