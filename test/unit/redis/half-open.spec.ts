import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { until } from '../../support/until.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

const message = Buffer.from('hello');

/** Publishes until one message has arrived, on a machine where 80 ms may be too short. Returns the outcomes. */
async function arriving(
  { pubSub, received }: WatchedPubSub,
  channel: string,
  text: string,
): Promise<string[]> {
  let n = 0;
  await until(
    async () => {
      const publishing = pubSub.publish(channel, Buffer.from(`${text} ${++n}`));
      return (await publishing.catch(() => 0)) === 1;
    },
    () => 'a publish that is answered in time',
  );
  await until(
    () => received.includes(`${channel} ${text} ${n}`),
    () => 'the message',
  );
  return received.filter((line) => line.startsWith(`${channel} ${text} `));
}

/** A stopped process keeps its connections open and sends nothing, like a crashed machine or a broken network. */
describe('when Redis stops answering without closing the connection', () => {
  let redis: RunningRedis;
  let watched: WatchedPubSub;
  const signal = (name: NodeJS.Signals) => process.kill(redis.pid ?? 0, name);

  beforeEach(async () => {
    redis = await startOwnRedis();
    watched = watchedPubSub({ redis: redis.url, publishTimeoutMs: 80, subscribeTimeoutMs: 80 });
    await watched.pubSub.connect();
    // On a busy machine Redis may take longer than 80 ms. Then the publish is tried again.
    await watched.pubSub.subscribe('a').catch(() => 'it stays wanted');
    await until(
      () => watched.pubSub.isSubscribed('a'),
      () => 'the subscription',
    );
    signal('SIGSTOP');
  });
  afterEach(async () => {
    await watched.pubSub.close();
    await redis.stop();
  });

  it('a publish rejects in time, the connection is replaced, and publishing works afterwards', async () => {
    const { pubSub, states } = watched;
    const refusals = await Promise.allSettled(
      Array.from({ length: 50 }, () => pubSub.publish('a', message)),
    );
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ status: 'rejected', reason: { code: 'redis.timeout' } });
    }
    expect(String((refusals[0] as PromiseRejectedResult).reason)).toContain('PUBLISH within 80 ms');
    await watched.reaches('degraded');
    await expect(pubSub.publish('a', message)).rejects.toMatchObject({ code: 'redis.unavailable' });

    signal('SIGCONT');
    await watched.reaches('ready');
    const after = await arriving(watched, 'a', 'after');
    // Messages that Redis had read or buffered may still arrive, but never twice. Hence the code is not
    // "unavailable".
    expect(new Set(after).size).toBe(after.length);
    expect(watched.received.filter((line) => line === 'a hello').length).toBeLessThanOrEqual(50);
    expect(states.slice(0, 3)).toEqual(['connecting', 'ready', 'degraded']);
  });

  it('a subscription rejects in time, stays wanted, and is made afterwards', async () => {
    const { pubSub } = watched;
    const refusal = pubSub.subscribe('late');
    await expect(refusal).rejects.toMatchObject({ code: 'redis.timeout' });
    await expect(refusal).rejects.toThrow('SUBSCRIBE within 80 ms');

    signal('SIGCONT');
    await until(
      () => pubSub.isSubscribed('late'),
      () => 'the subscription',
    );
    const late = await arriving(watched, 'late', 'hello');
    expect(new Set(late).size).toBe(late.length);
    expect(watched.received).toEqual(late);
  });

  it('closing does not wait for publishes or subscriptions in progress', async () => {
    const { pubSub } = watched;
    const underWay = Promise.allSettled([pubSub.publish('a', message), pubSub.subscribe('b')]);
    await pubSub.close();
    expect(await underWay).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'redis.closed' }) },
      { status: 'rejected', reason: expect.objectContaining({ code: 'redis.closed' }) },
    ]);
    expect(pubSub.state).toBe('closed');
  });

  it('closing does not wait for a subscription that was given up', async () => {
    const { pubSub } = watched;
    await expect(pubSub.subscribe('b')).rejects.toMatchObject({ code: 'redis.timeout' });
    await pubSub.close();
    expect(pubSub.state).toBe('closed');
  });
});
