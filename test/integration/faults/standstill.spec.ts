import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { PendingRequest } from '../../../src/cluster/pending-request.js';
import { RedisScripts, redisScript } from '../../../src/redis/redis-scripts.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

const LIMIT_MS = 300;
const STEP_MS = 20;
const STEPS = 75;

/**
 * Blocks this process for 1.5 s, like a breakpoint or a frozen container. The time passes in short steps, so a pause
 * of the whole machine prolongs it.
 */
function blockEventLoop(): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let step = 0; step < STEPS; step++) Atomics.wait(nothing, 0, 0, STEP_MS);
}

const fail = (error: unknown): never => {
  throw error;
};

describe('when this process is frozen for longer than a reply may take, and the reply has arrived', () => {
  let watched: WatchedPubSub;
  let redis: Redis;

  beforeEach(async () => {
    redis = new Redis(testRedisUrl());
    await redis.ping();
    watched = watchedPubSub({
      redis: testRedisUrl(),
      publishTimeoutMs: LIMIT_MS,
      subscribeTimeoutMs: LIMIT_MS,
    });
    await watched.pubSub.connect();
    await watched.reaches('ready');
  });
  afterEach(async () => {
    await watched.pubSub.close();
    redis.disconnect();
  });

  it('a publish resolves, and its connection stays', async () => {
    const published = watched.pubSub.publish('a', Buffer.from('hello'));
    // Written at the end of the tick.
    await new Promise((resolve) => process.nextTick(resolve));
    blockEventLoop();
    expect(await published).toBe(0);
    expect(watched.states).toEqual(['connecting', 'ready']);
  });

  it('a subscription is made', async () => {
    const subscribed = watched.pubSub.subscribe('frozen');
    // Sent with all others of the tick, in the next one.
    await new Promise((resolve) => setImmediate(resolve));
    blockEventLoop();
    await subscribed;
    expect(watched.states).toEqual(['connecting', 'ready']);
    expect(watched.pubSub.isSubscribed('frozen')).toBe(true);
  });

  it('a script has run', async () => {
    const scripts = new RedisScripts(redis, LIMIT_MS, '*');
    const script = redisScript('return 7');
    await scripts.runText(script, []);
    const ran = scripts.run(script, [], []);
    blockEventLoop();
    expect(await ran).toBe(7);
    scripts.close();
  });

  it('a request to the cluster is answered', async () => {
    const request = new PendingRequest(['b'], LIMIT_MS, {}, fail);
    request.delivered({ instances: 1, unknownSubscribers: 0 });
    void redis.ping().then(() => request.receive('b', { type: 'reply', id: 1, done: true }));
    blockEventLoop();
    expect(await request.outcome).toMatchObject({ complete: true, replied: ['b'] });
  });
});
