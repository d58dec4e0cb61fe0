import { describe, expect, it } from '@jest/globals';
import { pubSubConformance } from '../../src/testing/index.js';
import { redisPubSub } from '../support/redis-pub-sub.js';
import { testRedisUrl } from '../support/test-cluster.js';

function optionsOf(url: string) {
  const { hostname, port, username, password } = new URL(url);
  return {
    host: hostname,
    port: Number(port || 6379),
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
  };
}

describe.each([
  ['a URL', () => testRedisUrl()],
  ['ioredis options', () => optionsOf(testRedisUrl())],
])('RedisPubSub with clients made of %s, as a PubSub,', (_, redis) => {
  const create = () => redisPubSub({ redis: redis() }).pubSub;
  for (const { title, run } of pubSubConformance({ create })) {
    it(`conforms: ${title}`, async () => {
      await expect(run()).resolves.toBeUndefined();
    });
  }
});
