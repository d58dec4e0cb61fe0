import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { until } from '../../support/until.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

/** Each key takes so long to load that the loading ends only when a test ends it. */
const KEYS = 1_000;
const SLOW = ['--key-load-delay', '100000', '--loading-process-events-interval-bytes', '1024'];

/** ioredis' defaults are ten and two seconds; its timers outlive a client. */
const IMPATIENT = { maxLoadingRetryTime: 1_000, disconnectTimeout: 100 };

describe('a Redis that loads its data', () => {
  let redis: RunningRedis;
  let restarting: Promise<void> | undefined;
  const lent: Redis[] = [];
  const open: WatchedPubSub[] = [];

  const start = async (options: RedisPropagatorOptions): Promise<WatchedPubSub> => {
    const watched = watchedPubSub(options);
    open.push(watched);
    await watched.pubSub.connect();
    return watched;
  };

  /** Restarts Redis, which then loads its data until {@link finish}. */
  const restart = async (): Promise<void> => {
    restarting = redis.restart();
    await until(
      async () => (await asked('INFO', 'persistence')).includes('loading:1'),
      () => 'Redis to load its data',
    );
  };
  const finish = async (): Promise<void> => {
    await asked('CONFIG', 'SET', 'key-load-delay', '0');
    await restarting;
  };
  /** The reply of Redis over a separate connection, also while it loads its data; empty if Redis is down. */
  const asked = async (command: string, ...args: string[]): Promise<string> => {
    const client = new Redis(redis.url, {
      ...IMPATIENT,
      enableReadyCheck: false,
      lazyConnect: true,
      retryStrategy: () => null,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return String(await client.call(command, ...args));
    } catch {
      return '';
    } finally {
      client.disconnect();
    }
  };

  beforeEach(async () => {
    redis = await startOwnRedis([...SLOW, '--rdbcompression', 'no'], { readyTimeoutMs: 60_000 });
    const filling = new Redis(redis.url, IMPATIENT);
    const values = Array.from({ length: KEYS }, (_, key) => [`key:${key}`, 'x'.repeat(1_500)]);
    await filling.mset(...values.flat());
    await filling.save();
    filling.disconnect();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map(({ pubSub }) => pubSub.close()));
    const stopped = restarting?.catch(() => 'the test has failed before');
    await redis.stop();
    await stopped;
    restarting = undefined;
  });

  it('lets the app start degraded and names the reason in one line, until it has its data', async () => {
    await restart();
    const watched = await start({ redis: redis.url });
    expect(watched.states).toEqual(['connecting', 'degraded']);
    expect(watched.logger.lines).toEqual([
      expect.stringMatching(
        /^warn Degraded, Redis does not serve this instance \(LOADING: Redis reads its data from disk/,
      ),
    ]);
    // No mistake of the app: the start goes on.
    await watched.pubSub.verifyAccess({ channel: 'x', pattern: 'x' });
    const subscribed = watched.pubSub.subscribe('a');

    await finish();
    await watched.reaches('ready');
    await subscribed;
    expect(await watched.pubSub.publish('a', Buffer.from('hello'))).toBe(1);
    await watched.receives(1);
    expect(watched.states).toEqual(['connecting', 'degraded', 'ready']);
    expect(watched.logger.lines.slice(1)).toEqual([
      expect.stringMatching(/^log Redis is back after \d+ ms/),
    ]);
  });

  it.each([
    ['of its own', () => ({ redis: redis.url })],
    [
      'that the app lends',
      () => {
        const [publisher, subscriber] = [1, 2].map(() => new Redis(redis.url, IMPATIENT));
        if (publisher === undefined || subscriber === undefined) throw new Error('there are two');
        lent.push(publisher, subscriber);
        return { redis: { publisher, subscriber } };
      },
    ],
  ])(
    'after a restart is named once on connections %s, and everything works again',
    async (_, options) => {
      const watched = await start(options());
      await watched.pubSub.subscribe('a');
      await restart();
      await until(
        () => watched.logger.matching(/LOADING/).length > 0,
        () => watched.logger.lines.join('\n'),
      );
      expect(watched.pubSub.state).toBe('degraded');

      await finish();
      await watched.reaches('ready');
      await until(
        () => watched.pubSub.isSubscribed('a'),
        () => 'the channel to be subscribed again',
      );
      expect(await watched.pubSub.publish('a', Buffer.from('hello'))).toBe(1);
      await watched.receives(1);
      expect(watched.received).toEqual(['a hello']);
      expect(watched.logger.lines).toEqual([
        'log Connected to Redis.',
        expect.stringMatching(/^warn Degraded, Redis does not serve this instance/),
        expect.stringMatching(/^warn LOADING: Redis reads its data from disk.* It serves this/),
        expect.stringMatching(/^log Redis is back after \d+ ms/),
      ]);
      for (const client of lent.splice(0)) client.disconnect();
    },
  );

  it('serves events meanwhile where ioredis does not wait for the data', async () => {
    await restart();
    const { host, port } = redis;
    const watched = await start({ redis: { host, port, enableReadyCheck: false } });
    expect(watched.states).toEqual(['connecting', 'ready']);
    await watched.pubSub.subscribe('a');
    expect(await watched.pubSub.publish('a', Buffer.from('hello'))).toBe(1);
    await watched.receives(1);
    expect(await asked('INFO', 'persistence')).toContain('loading:1');
    await finish();
    expect(watched.states).toEqual(['connecting', 'ready']);
    expect(watched.logger.lines).toEqual(['log Connected to Redis.']);
  });
});
