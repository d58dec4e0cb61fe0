import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { InMemoryRecords, RecordTable } from '../../../../src/cluster/records/in-memory-records.js';
import type {
  InstanceRecords,
  KnownRecords,
  ReadRecords,
  RecordLimits,
} from '../../../../src/cluster/records/instance-records.js';
import { RedisRecords } from '../../../../src/cluster/records/redis-records.js';
import { RedisScripts } from '../../../../src/redis/redis-scripts.js';
import { testRedisUrl } from '../../../support/test-cluster.js';
import { until } from '../../../support/until.js';

const NOTHING: KnownRecords = { version: 0, data: '' };
const LIMITS = { memberTimeoutMs: 60_000, keptMs: 60_000 };

function checkLifetime(ms: number): void {
  if (ms <= 0) throw new Error('a key that stays for ever');
}

const shown = ({ records }: ReadRecords) =>
  records.map(({ instanceId, state, text }) => `${instanceId} ${state} ${text}`).toSorted();

describe.each(['in memory', 'in Redis'])('records of instances %s', (where) => {
  let redis: Redis;
  let prefix: string;
  let table: RecordTable;
  let limits: RecordLimits;
  let scripts: RedisScripts;

  beforeEach(async () => {
    redis = new Redis(testRedisUrl());
    await redis.ping();
    prefix = `test:${randomUUID()}`;
    table = new RecordTable();
    limits = LIMITS;
    scripts = new RedisScripts(redis, 5_000, `${prefix}:*`);
  });
  afterEach(async () => {
    const keys = await redis.keys(`${prefix}:*`);
    for (const key of keys) checkLifetime(await redis.pttl(key));
    if (keys.length > 0) await redis.del(...keys);
    scripts.close();
    redis.disconnect();
  });

  const recordsOf = (id: string): InstanceRecords =>
    where === 'in memory'
      ? new InMemoryRecords(table, id, limits)
      : new RedisRecords(scripts, prefix, id, limits);

  const beat = (
    id: string,
    text: string,
    known = NOTHING,
    flags: { mayGiveUp?: boolean; unchanged?: boolean } = {},
  ): Promise<ReadRecords> =>
    recordsOf(id).beat({ text, known, mayGiveUp: false, unchanged: false, ...flags });
  it('are all read at first, and then those that have changed', async () => {
    await beat('a', 'a1');
    const first = await beat('b', 'b1');
    expect([shown(first), first.isComplete]).toEqual([['a alive a1'], true]);
    expect(await beat('c', 'c1').then(shown)).toEqual(['a alive a1', 'b alive b1']);
    const next = await beat('b', 'b1', first);
    expect([shown(next), next.isComplete]).toEqual([['c alive c1'], false]);
    await beat('a', 'a1');
    expect(shown(await beat('b', 'b1', next))).toEqual([]);
    await beat('a', 'a2');
    const last = await beat('b', 'b1', next);
    expect(shown(last)).toEqual(['a alive a2']);
    expect(last.version).toBeGreaterThan(next.version);
  });

  it('are read although they have not changed, where that is asked for: each with the version of its write', async () => {
    await beat('a', 'a1');
    await beat('c', 'c1');
    const known = await beat('b', 'b1');
    await beat('a', 'a1');
    const read = await beat('b', 'b1', known, { unchanged: true });
    expect(shown(read)).toEqual(['a alive a1']);
    expect(read.records[0]?.version).toBeGreaterThan(known.version);
  });

  it('of an instance that has ended stay for a while, as it wrote them last', async () => {
    limits = { ...LIMITS, keptMs: 300 };
    const known = await beat('b', 'b1');
    await beat('a', 'a1');
    await recordsOf('a').end('a, the last');
    expect(shown(await beat('b', 'b1', known))).toEqual(['a ended a, the last']);
    await until(
      async () => (await beat('c', 'c1').then(shown)).length === 1,
      () => 'the record to be forgotten',
    );
    expect(await beat('b', 'b1').then(shown)).toEqual(['c alive c1']);
  });

  it('are lost where they are not renewed, if the reader may say so; who comes back is alive', async () => {
    limits = { ...LIMITS, memberTimeoutMs: 200 };
    await beat('a', 'a1');
    const known = await beat('b', 'b1');
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(shown(await beat('b', 'b1', known))).toEqual([]);
    const lost = await beat('b', 'b1', known, { mayGiveUp: true });
    expect(shown(lost)).toEqual(['a lost a1']);
    await beat('a', 'a1');
    expect(shown(await beat('b', 'b1', lost))).toEqual(['a alive a1']);
  });

  it('cost little where there are many', async () => {
    for (let i = 0; i < 300; i++) await beat(`i${i}`, `${i}`);
    const known = await beat('b', 'b1');
    expect(known.records).toHaveLength(300);
    await beat('i7', 'changed');
    expect(shown(await beat('b', 'b1', known))).toEqual(['i7 alive changed']);
  });

  it('are all read again where the store has lost its data', async () => {
    if (where === 'in memory') return;
    await beat('a', 'a1');
    const known = await beat('b', 'b1');
    const keys = await redis.keys(`${prefix}:*`);
    await redis.del(...keys);
    const empty = await beat('b', 'b1', known);
    expect([empty.isComplete, empty.records]).toEqual([true, []]);
    expect(empty.data).not.toBe(known.data);
    await beat('a', 'a1');
    expect(shown(await beat('b', 'b1', empty))).toEqual(['a alive a1']);
  });
});
