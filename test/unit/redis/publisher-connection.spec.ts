import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RedisClient } from '../../../src/index.js';
import { PublisherConnection } from '../../../src/redis/publisher-connection.js';

const LIMIT_MS = 4_000;
const HOUR_MS = 3_600_000;

const fail = (error: unknown): never => {
  throw error;
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the publishing connection', () => {
  const silent: string[] = [];
  let connection: PublisherConnection;

  beforeEach(() => {
    silent.length = 0;
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const client = { publish: () => new Promise(() => {}) } as unknown as RedisClient;
    connection = new PublisherConnection(
      client,
      undefined,
      LIMIT_MS,
      (channel) => silent.push(channel),
      () => {},
    );
  });
  afterEach(() => {
    connection.close();
    jest.useRealTimers();
  });

  it.each([HOUR_MS, -HOUR_MS])(
    'rejects a late publish in time when the clock is set by %d ms',
    async (by) => {
      const published = connection.publish('a', Buffer.alloc(1));
      let refused = false;
      published.catch(() => (refused = true));

      jest.setSystemTime(Date.now() + by);
      jest.advanceTimersByTime(LIMIT_MS / 2);
      await turn();
      expect(refused).toBe(false);
      expect(silent).toEqual([]);

      jest.advanceTimersByTime(LIMIT_MS);
      await expect(published).rejects.toMatchObject({ code: 'redis.timeout' });
      expect(silent).toEqual(['a']);
    },
  );

  it('gives up a limited number of late publishes in each turn of the event loop, in their order', async () => {
    const given: number[] = [];
    for (let index = 0; index < 1_200; index++) {
      connection.publish('a', Buffer.alloc(1)).catch(() => given.push(index));
    }
    jest.advanceTimersByTime(LIMIT_MS - 1);
    await turn();
    jest.advanceTimersByTime(1);
    const turns: number[] = [];
    for (let before = 0; turns.at(-1) !== 0; before = given.length) {
      await turn();
      turns.push(given.length - before);
    }
    expect(Math.max(...turns)).toBe(500);
    expect(given).toEqual(Array.from({ length: 1_200 }, (_, index) => index));
    expect(new Set(silent)).toEqual(new Set(['a']));
  });

  it.each([
    ['of any channel', undefined, ['b', 'c']],
    ['of the same channel on a Cluster', () => 'node', ['b']],
  ])(
    'gives up with a late publish those behind it %s, although their replies come: it is published again before them',
    async (_, nodeOf, channels) => {
      const replies: ((receivers: number) => void)[] = [];
      const reply = () => new Promise<number>((resolve) => replies.push(resolve));
      const client = { publish: reply, spublish: reply } as unknown as RedisClient;
      const answered = new PublisherConnection(client, nodeOf, LIMIT_MS, () => {}, fail);
      const outcomes: string[] = [];
      const publish = (channel: string, name: string): void => {
        answered.publish(channel, Buffer.alloc(1)).then(
          () => outcomes.push(`${name} taken`),
          () => outcomes.push(`${name} given up`),
        );
      };
      for (let index = 0; index < 600; index++) publish('b', 'late');
      jest.advanceTimersByTime(LIMIT_MS / 2);
      await turn();
      for (const channel of channels) publish(channel, channel);
      jest.advanceTimersByTime(LIMIT_MS / 2);
      await turn();
      // The replies come after the first turn.
      for (const resolve of replies) resolve(1);
      await turn();
      await turn();
      expect(outcomes).toEqual([
        ...Array.from({ length: 600 }, () => 'late given up'),
        ...channels.map((channel) => `${channel} given up`),
      ]);
      answered.close();
    },
  );

  it('sends the publishes of a moved slot after one whose client throws', async () => {
    const sent: string[] = [];
    const replies: ((receivers: number) => void)[] = [];
    let node = 'old';
    const client = {
      spublish: (_: string, message: Buffer) => {
        if (String(message) === 'thrown') throw new Error('a wrapper of the app');
        sent.push(String(message));
        return new Promise((resolve) => replies.push(resolve));
      },
    } as unknown as RedisClient;
    const cluster = new PublisherConnection(
      client,
      () => node,
      LIMIT_MS,
      () => {},
      () => {},
    );
    const publish = (text: string) => cluster.publish('a', Buffer.from(text));
    const first = publish('1');
    node = 'new';
    const thrown = publish('thrown').catch(({ code }: { code: string }) => code);
    const last = publish('2');
    expect(sent).toEqual(['1']);
    replies[0]?.(1);
    expect(await first).toBe(1);
    expect(await thrown).toBe('redis.command-failed');
    expect(sent).toEqual(['1', '2']);
    replies[1]?.(2);
    expect(await last).toBe(2);
    cluster.close();
  });
});
