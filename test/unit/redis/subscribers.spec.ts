import { afterEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { hasControl } from '../../../src/redis/subscribers.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

const HELLO = Buffer.from('hello');

describe('the two subscribed connections', () => {
  let watched: WatchedPubSub;
  const lent: Redis[] = [];
  afterEach(async () => {
    await watched.pubSub.close();
    for (const client of lent.splice(0)) client.disconnect();
  });

  const id = randomUUID();
  const [events, control] = [`events:${id}`, `control:${id}`];

  async function connected(options: Parameters<typeof watchedPubSub>[0]): Promise<string[]> {
    watched = watchedPubSub(options);
    const { pubSub } = watched;
    const interrupted: string[] = [];
    pubSub.onInterruption((concerns) => {
      interrupted.push([events, control].filter(concerns).join());
    });
    await pubSub.connect();
    await pubSub.subscribe(events);
    await pubSub.subscribeControl?.(control);
    return interrupted;
  }
  const lend = (): Redis => {
    const client = new Redis(testRedisUrl());
    lent.push(client);
    return client;
  };
  /** Closes a connection like a Redis with too much to send, and waits until the transport has noticed it. */
  async function lose(client: unknown): Promise<void> {
    const { stream } = client as { stream: { destroy(): void } };
    const { states } = watched;
    const before = states.length;
    stream.destroy();
    await until(
      () => states.slice(before).join() === 'degraded,ready',
      () => `degraded,ready, got ${states.slice(before).join()}`,
    );
  }

  it('each keep their channels when the other one is lost, and only events are missed', async () => {
    const interrupted = await connected({ redis: testRedisUrl() });
    const { pubSub, clients } = watched;
    expect(hasControl(clients)).toBe(true);
    // A channel is on one of them, so Redis counts this instance once.
    expect(await pubSub.publish(events, HELLO)).toBe(1);
    expect(await pubSub.publish(control, HELLO)).toBe(1);
    expect([events, control].map((channel) => pubSub.countsItself(channel))).toEqual([true, true]);

    clients.subscriber.disconnect();
    await until(
      () => !pubSub.isSubscribed(events),
      () => 'the connection of the events to be lost',
    );
    expect(pubSub.connections).toEqual({ publisher: true, subscriber: false, control: true });
    expect(pubSub.isSubscribed(control)).toBe(true);
    expect(await pubSub.publish(control, HELLO)).toBe(1);
    expect(interrupted).toEqual([[events, control].join()]);
  });

  it('come back by themselves, and no event is missed while requests are', async () => {
    const interrupted = await connected({ redis: testRedisUrl() });
    const { pubSub, clients } = watched;
    await lose(clients.control);
    expect(interrupted).toEqual([]);
    expect(await pubSub.publish(control, HELLO)).toBe(1);
    await lose(clients.subscriber);
    expect(interrupted.length).toBeGreaterThan(0);
    expect(await pubSub.publish(events, HELLO)).toBe(1);
  });

  it('move a channel that is wanted for both, and release it', async () => {
    await connected({ redis: testRedisUrl() });
    const { pubSub } = watched;
    await pubSub.subscribeControl?.(events);
    await pubSub.subscribe(events);
    await until(
      async () => (await pubSub.publish(events, HELLO)) === 1,
      () => 'one subscription',
    );
    pubSub.unsubscribe(events);
    await until(
      async () => (await pubSub.publish(events, HELLO)) === 0,
      () => 'no subscription',
    );
    await pubSub.subscribe(events);
    expect(await pubSub.publish(events, HELLO)).toBe(1);
  });

  it('may be lent, and keep nothing of this library afterwards', async () => {
    const [publisher, subscriber, third] = [lend(), lend(), lend()];
    await connected({ redis: { publisher, subscriber, control: third } });
    expect(watched.pubSub.connections.control).toBe(true);
    expect(await watched.pubSub.publish(control, HELLO)).toBe(1);
    await watched.pubSub.close();
    expect([publisher, subscriber, third].map(({ status }) => status)).toEqual([
      'ready',
      'ready',
      'ready',
    ]);
    expect(await publisher.publish(control, HELLO)).toBe(0);
  });

  it('are one if the subscriber that an app lends cannot be copied', async () => {
    const [publisher, subscriber] = [lend(), lend()];
    Object.assign(subscriber, { duplicate: undefined });
    await connected({ redis: { publisher, subscriber } });
    const { pubSub, clients } = watched;
    expect(hasControl(clients)).toBe(false);
    expect(pubSub.subscribeControl).toBeUndefined();
    expect(pubSub.connections).toEqual({ publisher: true, subscriber: true, control: true });
  });

  it('close the copy with the transport, and refuse channels afterwards', async () => {
    await connected({ redis: { publisher: lend(), subscriber: lend() } });
    const { pubSub, clients } = watched;
    await pubSub.close();
    await until(
      () => clients.control?.status === 'end',
      () => 'the end of the copy',
    );
    await expect(pubSub.subscribeControl?.(control)).rejects.toMatchObject({
      code: 'redis.closed',
    });
  });
});
