import { describe, expect, it, jest } from '@jest/globals';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisConnection } from '../../../src/index.js';
import { createRedisClients } from '../../../src/redis/client-factory.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const throwing = (): never => {
  throw new Error('of the app');
};

const REPORTER = new Reporter(new MemoryLogger());

/** All clients are created lazily, so nothing connects. */
function clientsOf(redis: RedisConnection) {
  const clients = createRedisClients({ redis }, REPORTER);
  const { publisher, subscriber, control, owned, cluster } = clients;
  const roles = [publisher, subscriber, ...(control === undefined ? [] : [control])];
  return { publisher, subscriber, control, owned, cluster, roles };
}

const optionsOf = (client: unknown) => (client as { options: RedisOptions }).options;

/**
 * The guarantees rely on these options: this library reconnects, resubscribes and refuses; ioredis neither repeats
 * nor queues.
 */
const ours = {
  lazyConnect: true,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  enableAutoPipelining: false,
  keyPrefix: '',
  stringNumbers: false,
};

describe('the clients that the library creates', () => {
  it('from a URL are three, know their role, and do not connect by themselves', () => {
    const { roles, owned, cluster } = clientsOf('rediss://me:pw@redis.test:6380/2');
    expect({ owned, cluster }).toEqual({ owned: true, cluster: false });
    expect(new Set(roles).size).toBe(3);
    for (const client of roles) {
      expect(client).toBeInstanceOf(Redis);
      expect(client.status).toBe('wait');
      expect(optionsOf(client)).toMatchObject({
        ...ours,
        host: 'redis.test',
        port: 6380,
        username: 'me',
        password: 'pw',
        db: 2,
      });
      expect(optionsOf(client).tls).toBeTruthy();
    }
    expect(roles.map((client) => optionsOf(client).connectionName)).toEqual([
      'nestjs-redis-propagator:publisher',
      'nestjs-redis-propagator:subscriber',
      'nestjs-redis-propagator:control',
    ]);
  });

  it('use the given options, except those on which the guarantees rely', () => {
    const given: RedisOptions = {
      host: 'redis.test',
      connectTimeout: 7,
      connectionName: 'mine',
      enableOfflineQueue: true,
      autoResubscribe: true,
      autoResendUnfulfilledCommands: true,
      maxRetriesPerRequest: null,
      stringNumbers: true,
      keyPrefix: 'mine:',
      enableAutoPipelining: true,
      lazyConnect: false,
    };
    const { host, connectTimeout, connectionName } = given;
    for (const client of clientsOf(given).roles) {
      expect(optionsOf(client)).toMatchObject({ host, connectTimeout, connectionName, ...ours });
    }
    expect(given.enableOfflineQueue).toBe(true);
  });

  it('use the options in a URL, except those on which the guarantees rely', () => {
    const query = 'connectionName=mine&enableOfflineQueue=true&stringNumbers=true&keyPrefix=mine';
    for (const client of clientsOf(`redis://me:p%40w@redis.test:6380/2?${query}`).roles) {
      expect(optionsOf(client)).toMatchObject({
        ...ours,
        connectionName: 'mine',
        password: 'p@w',
        db: 2,
      });
    }
  });

  it('use both a URL and options', () => {
    const ca = 'a certificate';
    const redis = {
      url: 'rediss://me:pw@redis.test:6380/2?keyPrefix=mine',
      tls: { ca },
      connectionName: 'mine',
      enableOfflineQueue: true,
    };
    for (const client of clientsOf(redis).roles) {
      expect(optionsOf(client)).toMatchObject({
        ...ours,
        host: 'redis.test',
        port: 6380,
        password: 'pw',
        db: 2,
        tls: { ca },
        connectionName: 'mine',
      });
    }
  });

  it.each<[string, RedisConnection]>([
    ['null', { retryStrategy: null as never }],
    ['gives up', { retryStrategy: (times: number) => (times > 2 ? null : 7) }],
    [
      'gives up beside a URL',
      { url: 'redis://x', retryStrategy: (times) => (times > 2 ? null : 7) },
    ],
    ['is below zero', { retryStrategy: () => -1 }],
    ['is no number', { retryStrategy: () => Number.NaN }],
    ['is endless', { retryStrategy: () => Infinity }],
    ['throws', { retryStrategy: throwing }],
  ])('retry for ever, also if the retryStrategy of the app %s', (_, redis) => {
    for (const client of clientsOf(redis).roles) {
      const delay = optionsOf(client).retryStrategy?.(3);
      expect(delay).toBeGreaterThan(0);
      expect(delay).toBeLessThan(1_000);
    }
  });

  it('retry at random moments, so that the instances of a fleet do not all come back at once', () => {
    const [publisher] = clientsOf('redis://x').roles;
    const delays = [0, 0.5, 0.999].map((random) => {
      jest.spyOn(Math, 'random').mockReturnValue(random);
      return [1, 2, 9].map((times) => optionsOf(publisher as never).retryStrategy?.(times));
    });
    jest.restoreAllMocks();
    expect(delays).toEqual([
      [50, 100, 250],
      [100, 200, 500],
      [150, 300, 750],
    ]);
  });

  it('survive functions of the app that throw, and report them', () => {
    const reporter = new Reporter(new MemoryLogger());
    const { publisher } = createRedisClients(
      { redis: { retryStrategy: throwing, reconnectOnError: throwing } },
      reporter,
    );
    expect(optionsOf(publisher).reconnectOnError?.(new Error('READONLY'))).toBe(false);
    expect(optionsOf(publisher).retryStrategy?.(1)).toBeGreaterThan(0);
    expect(reporter.counts()).toEqual({ 'transport.failed': 2 });

    const sentinels = [{ host: 'sentinel.test', port: 26_379 }];
    const [first, second] = clientsOf({
      sentinels,
      name: 'main',
      sentinelRetryStrategy: throwing,
    }).roles;
    for (const client of [first, second]) {
      expect(optionsOf(client).sentinelRetryStrategy?.(1)).toBeGreaterThan(0);
    }
    const { publisher: node } = clientsOf({
      nodes: [{ host: 'node.test', port: 7_000 }],
      options: { clusterRetryStrategy: throwing, redisOptions: { reconnectOnError: throwing } },
    });
    const { options } = node as Cluster;
    expect(options.clusterRetryStrategy?.(1)).toBeGreaterThan(0);
    expect(options.redisOptions?.reconnectOnError?.(new Error('READONLY'))).toBe(false);
  });

  it('for Sentinels ask the Sentinels', () => {
    const sentinels = [{ host: 'sentinel.test', port: 26_379 }];
    for (const client of clientsOf({ sentinels, name: 'main' }).roles) {
      expect(optionsOf(client)).toMatchObject({ ...ours, sentinels, name: 'main' });
    }
  });

  it('for nodes are a Cluster client that sends nothing twice', () => {
    const { roles, ...rest } = clientsOf({
      nodes: [{ host: 'node.test', port: 7_000 }],
      options: {
        maxRedirections: 3,
        retryDelayOnFailover: 100,
        keyPrefix: 'mine:',
        enableAutoPipelining: true,
        redisOptions: { password: 'pw', stringNumbers: true, keyPrefix: 'mine:' },
      },
    });
    expect(rest).toMatchObject({ owned: true, cluster: true });
    for (const client of roles) {
      expect(client).toBeInstanceOf(Cluster);
      expect(client.status).toBe('wait');
      expect(optionsOf(client)).toMatchObject({
        lazyConnect: true,
        retryDelayOnFailover: 0,
        retryDelayOnClusterDown: 0,
        maxRedirections: 3,
        keyPrefix: '',
        enableAutoPipelining: false,
        redisOptions: { password: 'pw', stringNumbers: false, keyPrefix: '' },
      });
      client.disconnect();
    }
  });

  it('retry within a second, however long Redis is down, and not all at the same moment', () => {
    const [client] = clientsOf('redis://redis.test').roles;
    const { retryStrategy } = optionsOf(client);
    const delays = Array.from({ length: 200 }, (_, times) => Number(retryStrategy?.(times + 1)));
    expect(Math.max(...delays)).toBeLessThan(1_000);
    expect(Math.min(...delays)).toBeGreaterThan(0);
    const late = delays.slice(100);
    expect(Math.max(...late) - Math.min(...late)).toBeGreaterThan(250);
  });
});

describe('borrowed clients', () => {
  it('are used themselves, not copied', () => {
    const [publisher, subscriber, control] = clientsOf('redis://redis.test').roles;
    if (!publisher || !subscriber || !control) throw new Error('there are three');
    const clients = createRedisClients({ redis: { publisher, subscriber, control } }, REPORTER);
    expect(clients.publisher).toBe(publisher);
    expect(clients.subscriber).toBe(subscriber);
    expect(clients.control).toBe(control);
    expect(clients).toMatchObject({ owned: false, ownsControl: false, cluster: false });
  });

  it('are joined by a copy of the subscriber for requests and replies', () => {
    const publisher = new Redis('redis://redis.test', { lazyConnect: true, keyPrefix: 'mine' });
    const subscriber = publisher.duplicate({ db: 3 });
    const { control, ownsControl } = createRedisClients(
      { redis: { publisher, subscriber } },
      REPORTER,
    );
    expect(ownsControl).toBe(true);
    expect(control?.status).toBe('wait');
    expect(optionsOf(control)).toMatchObject({
      ...ours,
      host: 'redis.test',
      db: 3,
      connectionName: 'nestjs-redis-propagator:control',
    });
  });

  it.each([
    ['has no method for it', undefined],
    ['throws', throwing],
    ['returns something else', () => ({})],
  ])('do without it, and say so, if the subscriber cannot be copied: it %s', (_, duplicate) => {
    const [publisher, subscriber] = clientsOf('redis://redis.test').roles;
    if (!publisher || !subscriber) throw new Error('there are two');
    Object.assign(subscriber, { duplicate });
    const logger = new MemoryLogger();
    const redis = { publisher, subscriber };
    expect(createRedisClients({ redis }, new Reporter(logger)).control).toBeUndefined();
    expect(logger.matching(/^warn control\.shared/)).toHaveLength(1);
  });

  it('are recognised if they are Cluster clients', () => {
    const publisher = new Cluster([{ port: 7_000 }], { lazyConnect: true });
    const subscriber = publisher.duplicate();
    const { cluster, owned } = clientsOf({ publisher, subscriber });
    expect({ cluster, owned }).toEqual({ cluster: true, owned: false });
    expect(clientsOf({ publisher, subscriber }).control).toBeUndefined();
  });
});
