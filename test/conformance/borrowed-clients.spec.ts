import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis as Redis6 } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-v5';
import { pubSubConformance } from '../../src/testing/index.js';
import { BorrowedClients, type AppClient } from '../support/borrowed-clients.js';
import { redisPubSub } from '../support/redis-pub-sub.js';
import { testRedisUrl } from '../support/test-cluster.js';

// The parser of ioredis shrinks its buffers in an interval, which runs for seconds after large messages and after
// the end of its connection. Jest should not wait for it.
const { setInterval: originalSetInterval } = globalThis;
beforeAll(() => {
  jest
    .spyOn(globalThis, 'setInterval')
    .mockImplementation((...args: Parameters<typeof setInterval>) =>
      originalSetInterval(...args).unref(),
    );
});
afterAll(() => {
  jest.restoreAllMocks();
});

describe.each([
  ['ioredis 6', (url: string) => new Redis6(url) as unknown as AppClient],
  ['ioredis 5', (url: string) => new Redis5(url) as unknown as AppClient],
])('RedisPubSub with borrowed clients of %s, as a PubSub,', (_, createClient) => {
  const borrowedClients: BorrowedClients[] = [];

  const create = async () => {
    const borrowed = await BorrowedClients.of(
      () => createClient(testRedisUrl()),
      `app:${randomUUID()}`,
    );
    borrowedClients.push(borrowed);
    return redisPubSub({ redis: borrowed.clients }).pubSub;
  };

  const cleanUp = async () => {
    try {
      expect(borrowedClients.length).toBeGreaterThan(0);
      for (const borrowed of borrowedClients) expect(await borrowed.isUnchanged()).toBe(true);
    } finally {
      await Promise.all(borrowedClients.splice(0).map((borrowed) => borrowed.quit()));
    }
  };

  for (const { title, run } of pubSubConformance({ create, cleanUp })) {
    it(`${title}, and leaves the clients unchanged`, async () => {
      await expect(run()).resolves.toBeUndefined();
    });
  }
});
