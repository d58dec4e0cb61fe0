import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { quietPort } from '../../../scripts/redis/topologies/ports.mjs';
import { until } from '../../support/until.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

const message = Buffer.from('hello');
const DEGRADED = /^warn Degraded, Redis does not serve this instance/;

describe('when the app starts', () => {
  const open: WatchedPubSub[] = [];
  let redis: RunningRedis | undefined;

  const start = (options: RedisPropagatorOptions): WatchedPubSub => {
    const watched = watchedPubSub({ connectTimeoutMs: 10_000, subscribeTimeoutMs: 50, ...options });
    open.push(watched);
    return watched;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map(({ pubSub }) => pubSub.close()));
    await redis?.stop();
    redis = undefined;
  });

  it('and Redis replies, it is ready and says so in one line', async () => {
    redis = await startOwnRedis();
    const { pubSub, states, logger } = start({ redis: redis.url });
    await pubSub.connect();
    await pubSub.connect();
    expect(states).toEqual(['connecting', 'ready']);
    expect(logger.lines).toEqual(['log Connected to Redis.']);
  });

  it('and Redis is down, it is degraded, says so once, and recovers by itself', async () => {
    const port = await quietPort();
    const watched = start({ redis: `redis://127.0.0.1:${port}` });
    const { pubSub, states, logger } = watched;

    await pubSub.connect();
    expect(states).toEqual(['connecting', 'degraded']);
    expect(logger.lines).toEqual([
      expect.stringMatching(/^warn Degraded, Redis does not serve this instance \(.*ECONNREFUSED/),
    ]);
    await expect(pubSub.publish('a', message)).rejects.toMatchObject({ code: 'redis.unavailable' });
    await expect(pubSub.subscribe('a')).rejects.toMatchObject({ code: 'redis.timeout' });
    expect(pubSub.isSubscribed('a')).toBe(false);

    redis = await startOwnRedis([], { port });
    await watched.reaches('ready');
    expect(pubSub.isSubscribed('a')).toBe(true);
    expect(await pubSub.publish('a', message)).toBe(1);
    await watched.receives(1);
    expect(watched.received).toEqual(['a hello']);
    expect(states).toEqual(['connecting', 'degraded', 'ready']);
    expect(logger.lines).toEqual([
      expect.stringMatching(DEGRADED),
      expect.stringMatching(/^log Redis is back after \d+ ms/),
    ]);
  });

  it('and Redis accepts the connection without replying, it waits no longer than configured', async () => {
    const connections: Socket[] = [];
    const mute: Server = createServer((socket) => connections.push(socket)).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const { pubSub, states, logger } = start({
      redis: { port, host: '127.0.0.1' },
      connectTimeoutMs: 60,
    });

    await pubSub.connect();
    expect(states).toEqual(['connecting', 'degraded']);
    expect(logger.lines).toEqual([expect.stringContaining('(no connection within 60 ms)')]);
    await expect(pubSub.publish('a', message)).rejects.toMatchObject({ code: 'redis.unavailable' });
    await pubSub.close();
    for (const connection of connections) connection.destroy();
    mute.close();
    await once(mute, 'close');
  });

  it.each<[string, { username?: string; password?: string }, RegExp]>([
    ['a wrong password', { password: 'wrong-hunter2' }, /WRONGPASS/],
    ['a wrong user', { username: 'nobody', password: 'wrong-hunter2' }, /WRONGPASS/],
    ['no password', {}, /NOAUTH/],
  ])(
    'with %s, it logs the reason without the password, and recovers once that is corrected',
    async (_, login, says) => {
      redis = await startOwnRedis(['--requirepass', 'right-hunter2']);
      const { port, host } = redis;
      const watched = start({ redis: { port, host, ...login } });
      const { pubSub, states, logger } = watched;

      await pubSub.connect();
      expect(states).toEqual(['connecting', 'degraded']);
      const refusal = pubSub.publish('a', message);
      await expect(refusal).rejects.toMatchObject({ code: 'redis.unavailable' });
      expect(logger.lines).toHaveLength(1);
      expect(logger.lines[0]).toMatch(DEGRADED);
      expect(logger.lines[0]).toMatch(says);
      const written = [...logger.lines, String(await refusal.catch((error: unknown) => error))];
      expect(written.join()).not.toContain('hunter2');

      const operator = new Redis({ port, host, password: 'right-hunter2' });
      await operator.call('ACL', 'SETUSER', 'nobody', 'on', '>wrong-hunter2', '+@all', '&*');
      await operator.config('SET', 'requirepass', login.password ?? '');
      await operator.quit();
      await watched.reaches('ready');
      expect(states).toEqual(['connecting', 'degraded', 'ready']);
      expect(logger.lines).toHaveLength(2);
    },
  );

  it('with a wrong password in the URL, the URL is not logged either', async () => {
    redis = await startOwnRedis(['--requirepass', 'right-hunter2']);
    const { pubSub, logger } = start({
      redis: `redis://someone:wrong-hunter2@${redis.host}:${redis.port}`,
    });
    await pubSub.connect();
    expect(pubSub.state).toBe('degraded');
    expect(logger.lines.join()).not.toContain('hunter2');
  });
});

describe('closing', () => {
  it.each([
    ['before it was ever connected', async () => {}],
    ['while it connects', async ({ pubSub }: WatchedPubSub) => void pubSub.connect()],
    ['while Redis is away', async ({ pubSub }: WatchedPubSub) => pubSub.connect()],
  ])('%s ends everything', async (_, prepare) => {
    const redis = `redis://127.0.0.1:${await quietPort()}`;
    const watched = watchedPubSub({ redis });
    const { pubSub, clients, states } = watched;
    await prepare(watched);
    const waiting = pubSub.subscribe('a');
    await Promise.all([
      pubSub.close(),
      expect(waiting).rejects.toMatchObject({ code: 'redis.closed' }),
    ]);
    expect(states.at(-1)).toBe('closed');
    await expect(pubSub.publish('a', message)).rejects.toMatchObject({ code: 'redis.closed' });
    await expect(pubSub.subscribe('a')).rejects.toMatchObject({ code: 'redis.closed' });
    // None of these calls may reconnect it.
    pubSub.unsubscribe('a');
    await pubSub.connect();
    expect(pubSub.state).toBe('closed');
    const statuses = () => [clients.publisher.status, clients.subscriber.status].join();
    await until(() => statuses() === 'end,end', statuses);
  });
});
