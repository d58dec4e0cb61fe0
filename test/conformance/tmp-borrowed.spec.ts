import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis as Redis6 } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-v5';
import { pubSubConformance } from '../../src/testing/index.js';
import { LentClients, type AppClient } from '../support/lent-clients.js';
import { redisPubSub } from '../support/redis-pub-sub.js';
import { testRedisUrl } from '../support/test-cluster.js';

// The parser of ioredis shrinks its buffers in an interval, after large messages for seconds after its
// connection is gone: nothing that Jest should wait for.
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
  const loans: LentClients[] = [];

  const create = async () => {
    const lent = await LentClients.of(() => createClient(testRedisUrl()), `app:${randomUUID()}`);
    loans.push(lent);
    return redisPubSub({ redis: lent.clients }).pubSub;
  };

  const cleanUp = async () => {
    try {
      expect(loans.length).toBeGreaterThan(0);
      for (const lent of loans) { try { expect(await lent.isAsLent()).toBe(true); } catch (e) { const c = lent.clients.subscriber as any; console.error(loans.indexOf(lent), c.condition, c.condition?.subscriber?.set, c.status, c.commandQueue?.length, c.listenerCount('messageBuffer'), c.stream?.bytesRead, c.stream?.isPaused?.(), c.stream?.listenerCount('data'), await lent.subscriptionCount()); throw e; } }
    } finally {
      await Promise.all(loans.splice(0).map((lent) => lent.quit()));
    }
  };

  for (const { title, run } of pubSubConformance({ create, cleanUp })) {
    it(`${title}, and gives the clients back as they were`, async () => {
      await expect(run()).resolves.toBeUndefined();
    });
  }
});
