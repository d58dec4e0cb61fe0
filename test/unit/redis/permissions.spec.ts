import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

const message = Buffer.from('hello');

describe('when Redis refuses commands to its ACL user', () => {
  let redis: RunningRedis;
  let operator: Redis;
  let watched: WatchedPubSub;

  beforeEach(async () => {
    redis = await startOwnRedis();
    operator = new Redis(redis.url);
  });
  afterEach(async () => {
    await watched.pubSub.close();
    await operator.quit();
    await redis.stop();
  });

  const permit = (...rules: string[]) => operator.call('ACL', 'SETUSER', 'app', ...rules);
  const startAs = async (...rules: string[]) => {
    await permit('on', '>pw', ...rules);
    const { host, port } = redis;
    watched = watchedPubSub({ redis: { host, port, username: 'app', password: 'pw' } });
    await watched.pubSub.connect();
    return watched;
  };

  it('names the missing command', async () => {
    const { pubSub } = await startAs('+@all', '-publish', '&*');
    const refusal = pubSub.publish('orders', message);
    await expect(refusal).rejects.toMatchObject({ code: 'redis.permission' });
    await expect(refusal).rejects.toThrow(/refused PUBLISH \(NOPERM.*\+publish/);

    await permit('+publish');
    expect(await pubSub.publish('orders', message)).toBe(0);
  });

  it('names the missing channel', async () => {
    const { pubSub } = await startAs('+@all', 'resetchannels', '&allowed:*');
    const refusal = pubSub.publish('orders', message);
    await expect(refusal).rejects.toMatchObject({ code: 'redis.permission' });
    await expect(refusal).rejects.toThrow(/refused PUBLISH .*channel \(such as &orders\)/);
    expect(await pubSub.publish('allowed:orders', message)).toBe(0);
    expect(watched.states).toEqual(['connecting', 'ready']);
  });

  it('subscribes the allowed channels when a forbidden one is requested in the same tick', async () => {
    const { pubSub, states, logger } = await startAs('+@all', 'resetchannels', '&allowed:*');
    const allowed = Array.from({ length: 40 }, (_, index) => `allowed:${index}`);
    const asked = [...allowed.slice(0, 13), 'forbidden:1', ...allowed.slice(13), 'forbidden:2'];
    const outcomes = await Promise.allSettled(asked.map((channel) => pubSub.subscribe(channel)));

    const refused = asked.filter((_, index) => outcomes[index]?.status === 'rejected');
    expect(refused).toEqual(['forbidden:1', 'forbidden:2']);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      expect(outcome.reason).toMatchObject({ code: 'redis.permission' });
      expect(String(outcome.reason)).toMatch(/refused SUBSCRIBE .*\+subscribe .*&forbidden:\d/);
    }
    expect(asked.filter((channel) => pubSub.isSubscribed(channel))).toEqual(allowed);
    const counts = await Promise.all(allowed.map((channel) => pubSub.publish(channel, message)));
    expect(counts).toEqual(allowed.map(() => 1));
    await watched.receives(allowed.length);

    // An instance without one of its channels is degraded, and the log names the channel.
    await watched.reaches('degraded');
    expect(states).toEqual(['connecting', 'ready', 'degraded']);
    expect(logger.lines).toEqual([
      'log Connected to Redis.',
      expect.stringMatching(/^warn Degraded, .*refused SUBSCRIBE .*&forbidden:\d/),
    ]);
  });

  it('is ready again once the permission is granted, or the channel is released', async () => {
    const { pubSub, states } = await startAs('+@all', 'resetchannels', '&allowed:*');
    await expect(pubSub.subscribe('one')).rejects.toMatchObject({ code: 'redis.permission' });
    await watched.reaches('degraded');
    await permit('&one');
    await pubSub.subscribe('one');
    await watched.reaches('ready');
    expect(await pubSub.publish('one', message)).toBe(1);

    await expect(pubSub.subscribe('two')).rejects.toMatchObject({ code: 'redis.permission' });
    await watched.reaches('degraded');
    pubSub.unsubscribe('two');
    await watched.reaches('ready');
    expect(states).toEqual(['connecting', 'ready', 'degraded', 'ready', 'degraded', 'ready']);
  });

  it('and forbids every subscription, it becomes degraded once a channel is wanted, and still publishes', async () => {
    const { pubSub } = await startAs('+@all', '-subscribe', '&*');
    await expect(pubSub.subscribe('orders')).rejects.toThrow(/\+subscribe/);
    await watched.reaches('degraded');
    expect(await pubSub.publish('orders', message)).toBe(0);
  });
});
