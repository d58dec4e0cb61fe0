import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RedisPubSub } from '../../../src/redis/redis-pub-sub.js';
import { redisPubSub } from '../../support/redis-pub-sub.js';
import { testRedisUrl } from '../../support/test-cluster.js';

const COUNT = 3_000;
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('thousands of channels', () => {
  let pubSub: RedisPubSub;
  let channels: string[];

  beforeEach(async () => {
    ({ pubSub } = redisPubSub({ redis: testRedisUrl() }));
    await pubSub.connect();
    const prefix = randomUUID();
    channels = Array.from({ length: COUNT }, (_, index) => `${prefix}:${index}`);
  });
  afterEach(() => pubSub.close());

  const receivers = async () => {
    const counts = await Promise.all(
      channels.map((channel) => pubSub.publish(channel, Buffer.alloc(0))),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  };

  it.each([0, 1, 2, 3])(
    'that are wanted again %i turns after all were released are subscribed in the end',
    async (turns) => {
      await Promise.all(channels.map((channel) => pubSub.subscribe(channel)));
      for (const channel of channels) pubSub.unsubscribe(channel);
      for (let count = 0; count < turns; count++) await turn();
      await Promise.all(channels.map((channel) => pubSub.subscribe(channel)));
      expect(await receivers()).toBe(COUNT);
      expect(channels.every((channel) => pubSub.isSubscribed(channel))).toBe(true);
    },
  );

  it.each([0, 1, 2, 3])(
    'that are released %i turns after all were wanted are unsubscribed in the end',
    async (turns) => {
      const wanted = Promise.all(channels.map((channel) => pubSub.subscribe(channel)));
      for (let count = 0; count < turns; count++) await turn();
      for (const channel of channels) pubSub.unsubscribe(channel);
      await wanted;
      // Answered after all earlier commands.
      await pubSub.subscribe(randomUUID());
      expect(await receivers()).toBe(0);
    },
  );
});
