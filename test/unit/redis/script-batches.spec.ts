import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { redisScript, RedisScripts } from '../../../src/redis/redis-scripts.js';
import { ScriptBatches } from '../../../src/redis/script-batches.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { PATIENCE_MS } from '../../support/until.js';

/** Fails if the first key is not a list. Returns nothing without values, otherwise their number and the second key. */
const APPEND = redisScript(`
if #ARGV == 0 then return end
return {redis.call('RPUSH', KEYS[1], unpack(ARGV)), KEYS[2]}
`);

describe('ScriptBatches', () => {
  let redis: Redis;
  /** The client that runs the scripts. */
  let client: Redis;
  let scripts: RedisScripts;
  let batches: ScriptBatches;
  let prefix: string;
  beforeEach(async () => {
    redis = new Redis(testRedisUrl());
    client = new Redis(testRedisUrl());
    await client.ping();
    prefix = `test-${randomUUID()}`;
    scripts = new RedisScripts(client, PATIENCE_MS, `${prefix}:*`);
    batches = new ScriptBatches(scripts, APPEND, 2);
  });
  afterEach(async () => {
    scripts.close();
    const keys = await redis.keys(`${prefix}:*`);
    if (keys.length > 0) await redis.unlink(...keys);
    redis.disconnect();
    client.disconnect();
  });

  const key = (name: string | number): string => `${prefix}:${name}`;
  const append = (name: string | number, ...values: (string | number)[]): Promise<unknown> =>
    batches.run([key(name), `second-${name}`], values);

  it('runs all calls of one turn as one script, and gives each call its own reply', async () => {
    const replies = await Promise.all([append('a', 1), append('b', 1, 2), append('a', 3)]);
    expect(replies).toEqual([
      [1, 'second-a'],
      [2, 'second-b'],
      [2, 'second-a'],
    ]);
    expect(await redis.lrange(key('a'), 0, -1)).toEqual(['1', '3']);
  });

  it('returns nothing where the script returns nothing, and continues', async () => {
    expect(await Promise.all([append('a'), append('b', 1)])).toEqual([null, [1, 'second-b']]);
    expect(await append('a')).toBeNull();
  });

  it('fails only the call that failed', async () => {
    await redis.set(key('text'), 'no list');
    const [first, second, third] = await Promise.allSettled([
      append('a', 1),
      append('text', 1),
      append('b', 1),
    ]);
    expect(first).toMatchObject({ value: [1, 'second-a'] });
    expect(second).toMatchObject({ reason: { code: 'redis.command-failed' } });
    expect(String((second as PromiseRejectedResult).reason)).toContain('WRONGTYPE');
    expect(third).toMatchObject({ value: [1, 'second-b'] });
  });

  it('fails all calls while Redis is down', async () => {
    const calls = [append('a', 1), append('b', 1)];
    client.disconnect();
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ reason: { code: 'redis.unavailable' } });
    }
  });

  it('does not block Redis for long: many calls become several batches, in order', async () => {
    const run = jest.spyOn(scripts, 'run');
    const all = Array.from({ length: 150 }, (_, i) => append('list', i));
    await Promise.all(all);
    expect(run).toHaveBeenCalledTimes(3);
    expect(await redis.lrange(key('list'), 0, -1)).toEqual(all.map((_, i) => String(i)));

    const values = Array.from({ length: 1_500 }, (_, i) => i);
    expect(await Promise.all([append('x', ...values), append('y', ...values)])).toEqual([
      [1_500, 'second-x'],
      [1_500, 'second-y'],
    ]);
  });

  it('runs a single call without a batch', async () => {
    const run = jest.spyOn(scripts, 'run');
    await append('a', 1);
    expect(run.mock.calls).toEqual([[APPEND, [key('a'), 'second-a'], [1]]]);
  });
});
