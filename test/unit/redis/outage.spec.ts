import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ExternalClient } from '../../support/external-client.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

const message = Buffer.from('hello');
const unavailable = { name: 'PropagatorError', code: 'redis.unavailable' };

describe('when a connected Redis', () => {
  let redis: RunningRedis;
  let watched: WatchedPubSub;

  beforeEach(async () => {
    redis = await startOwnRedis();
    watched = watchedPubSub({ redis: redis.url, subscribeTimeoutMs: 10_000 });
    await watched.pubSub.connect();
    await watched.pubSub.subscribe('a');
  });
  afterEach(async () => {
    await watched.pubSub.close();
    await redis.stop();
  });

  const killConnection = async (role: 'publisher' | 'subscriber') => {
    const external = new ExternalClient(redis.url);
    const list = String(await external.redis.client('LIST'));
    const line = list
      .split('\n')
      .find((entry) => entry.includes(`name=nestjs-redis-propagator:${role} `));
    const [, id = ''] = / ?id=(\d+)/.exec(line ?? '') ?? [];
    expect(await external.redis.client('KILL', 'ID', Number(id))).toBe(1);
    external.close();
  };

  it('is killed, publishes reject, nothing hangs, and everything works again once it is back', async () => {
    const { pubSub, states, logger } = watched;
    // In flight at the moment of the crash, without a reply.
    process.kill(redis.pid ?? 0, 'SIGSTOP');
    const underWay = Promise.allSettled([
      pubSub.publish('a', message),
      pubSub.publish('b', message),
    ]);
    await redis.kill();
    expect(await underWay).toEqual([
      { status: 'rejected', reason: expect.objectContaining(unavailable) },
      { status: 'rejected', reason: expect.objectContaining(unavailable) },
    ]);
    await watched.reaches('degraded');
    await expect(pubSub.publish('a', message)).rejects.toMatchObject(unavailable);
    expect(pubSub.isSubscribed('a')).toBe(false);
    const late = pubSub.subscribe('late');

    await redis.restart();
    await watched.reaches('ready');
    await late;
    expect(await pubSub.publish('a', message)).toBe(1);
    expect(await pubSub.publish('late', message)).toBe(1);
    await watched.receives(2);
    // The rejected publish was not sent.
    expect(watched.received).toEqual(['a hello', 'late hello']);
    expect(states).toEqual(['connecting', 'ready', 'degraded', 'ready']);
    expect(logger.lines).toEqual([
      'log Connected to Redis.',
      expect.stringMatching(/^warn Degraded, Redis does not serve this instance/),
      expect.stringMatching(
        /^log Redis is back after \d+ ms: events pass between instances again\.$/,
      ),
    ]);
  });

  it('is killed again and again, one line is logged per change', async () => {
    for (let round = 0; round < 3; round++) {
      await redis.kill();
      await watched.reaches('degraded');
      await redis.restart();
      await watched.reaches('ready');
    }
    expect(watched.states).toEqual(['connecting', 'ready', ...cycles(3)]);
    expect(watched.logger.lines).toHaveLength(7);
    expect(await watched.pubSub.publish('a', message)).toBe(1);
  });

  // After a reconnect subscriptions must not be lost.
  it('loses only the subscribed connection, every channel is subscribed again', async () => {
    const { pubSub } = watched;
    const channels = Array.from({ length: 1_200 }, (_, index) => `many:${index}`);
    await Promise.all(channels.map((channel) => pubSub.subscribe(channel)));

    await killConnection('subscriber');
    await watched.reaches('degraded');
    await watched.reaches('ready');
    const counts = await Promise.all(channels.map((channel) => pubSub.publish(channel, message)));
    expect(counts.filter((count) => count === 1)).toHaveLength(channels.length);
    expect(watched.states).toEqual(['connecting', 'ready', 'degraded', 'ready']);
  });

  it('loses only the publishing connection, messages still arrive and publishing recovers', async () => {
    const { pubSub } = watched;
    await killConnection('publisher');
    await watched.reaches('degraded');
    expect(pubSub.isSubscribed('a')).toBe(true);
    const external = new ExternalClient(redis.url);
    expect(await external.publish('a', 'from outside')).toBe(1);
    external.close();
    await watched.reaches('ready');
    expect(await pubSub.publish('a', message)).toBe(1);
    await watched.receives(2);
    expect(watched.received).toEqual(['a from outside', 'a hello']);
  });

  it('is down, channels that are released meanwhile are not subscribed again', async () => {
    const { pubSub } = watched;
    await pubSub.subscribe('kept');
    await redis.kill();
    await watched.reaches('degraded');
    pubSub.unsubscribe('a');
    await redis.restart();
    await watched.reaches('ready');
    expect(await pubSub.publish('a', message)).toBe(0);
    expect(await pubSub.publish('kept', message)).toBe(1);
  });

  it('is down, closing does not wait', async () => {
    await redis.kill();
    await watched.reaches('degraded');
    const waiting = watched.pubSub.subscribe('waiting');
    await Promise.all([
      watched.pubSub.close(),
      expect(waiting).rejects.toMatchObject({ code: 'redis.closed' }),
    ]);
    expect(watched.states.at(-1)).toBe('closed');
  });
});

function cycles(count: number): string[] {
  return Array.from({ length: count }, () => ['degraded', 'ready']).flat();
}
