import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { InMemoryRecords, RecordTable } from '../../../../src/cluster/records/in-memory-records.js';
import type {
  InstanceRecords,
  KnownRecords,
  ReadRecords,
  RecordLimits,
  RecordsToRead,
} from '../../../../src/cluster/records/instance-records.js';
import { RedisRecords } from '../../../../src/cluster/records/redis-records.js';
import { RedisScripts } from '../../../../src/redis/redis-scripts.js';
import { testRedisUrl } from '../../../support/test-cluster.js';
import { PATIENCE_MS, until } from '../../../support/until.js';

const NOTHING: KnownRecords = { version: 0, changesVersion: 0, data: '' };
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
  let byId: Map<string, InstanceRecords>;

  beforeEach(async () => {
    redis = new Redis(testRedisUrl());
    await redis.ping();
    prefix = `test:${randomUUID()}`;
    table = new RecordTable();
    limits = LIMITS;
    byId = new Map();
    scripts = new RedisScripts(redis, PATIENCE_MS, `${prefix}:*`);
  });
  afterEach(async () => {
    const keys = await redis.keys(`${prefix}:*`);
    for (const key of keys) checkLifetime(await redis.pttl(key));
    if (keys.length > 0) await redis.del(...keys);
    scripts.close();
    redis.disconnect();
  });

  const recordsOf = (id: string): InstanceRecords => {
    const known = byId.get(id);
    if (known !== undefined) return known;
    const records =
      where === 'in memory'
        ? new InMemoryRecords(table, id, limits)
        : new RedisRecords(scripts, prefix, id, limits);
    byId.set(id, records);
    return records;
  };

  const beat = (
    id: string,
    text: string,
    known = NOTHING,
    flags: { mayGiveUp?: boolean; read?: RecordsToRead } = {},
  ): Promise<ReadRecords> =>
    recordsOf(id).beat({ text, known, mayGiveUp: false, read: 'changes', ...flags });

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
    const read = await beat('b', 'b1', known, { read: 'writes' });
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

  if (where === 'in Redis') {
    it('of few instances that have ended stay for longer', async () => {
      limits = { ...LIMITS, keptMs: 1, fewKeptMs: 60_000 };
      await recordsOf('a').end('a, the last');
      const [, before] = await redis.time();
      await until(
        async () => Math.abs(Number((await redis.time())[1]) - Number(before)) > 5_000,
        () => 'some ms',
      );
      await beat('b', 'b1');
      expect(shown(await beat('b', 'b1'))).toEqual(['a ended a, the last']);
    });

    it('of many instances that have ended do not', async () => {
      limits = { ...LIMITS, keptMs: 1, fewKeptMs: 60_000 };
      const ends = Array.from({ length: 1_010 }, (_, i) => recordsOf(`i${i}`).end('the last'));
      await Promise.all(ends);
      let read = await beat('b', 'b1');
      await until(
        async () => (read = await beat('b', 'b1')).records.length <= 1_000,
        () => 'records to be forgotten',
      );
      expect(read.records.length).toBeGreaterThan(900);
    });
  }

  /** Beats of `b` until it reads this. */
  const untilRead = async (
    wanted: string,
    known: KnownRecords,
    flags: object,
  ): Promise<ReadRecords> => {
    let last = await beat('b', 'b1', known, flags);
    await until(
      async () => {
        if (shown(last).includes(wanted)) return true;
        last = await beat('b', 'b1', last, flags);
        return false;
      },
      () => wanted,
    );
    return last;
  };

  it('are lost where they are not renewed, if the reader may say so; an instance that comes back is alive', async () => {
    limits = { ...LIMITS, memberTimeoutMs: 200 };
    await beat('a', 'a1');
    const known = await beat('b', 'b1');
    const end = performance.now() + 300;
    await until(
      async () => {
        expect(shown(await beat('b', 'b1', known))).toEqual([]);
        return performance.now() > end;
      },
      () => 'the time until an instance is lost',
    );
    const lost = await untilRead('a lost a1', known, { mayGiveUp: true });
    await beat('a', 'a1');
    expect(shown(await beat('b', 'b1', lost, { read: 'states' }))).toEqual(['a alive a1']);
  });

  it('are not lost after a break in which no instance could renew its record', async () => {
    limits = { ...LIMITS, memberTimeoutMs: 200 };
    await beat('a', 'a1');
    const known = await beat('b', 'b1');
    await new Promise((resolve) => setTimeout(resolve, 400));
    const read = await beat('b', 'b1', known, { mayGiveUp: true });
    expect(shown(read)).toEqual([]);
    await beat('a', 'a2');
    expect(shown(await beat('b', 'b1', read, { mayGiveUp: true }))).toEqual(['a alive a2']);
  });

  it('are read where their state has changed, and later those whose text has', async () => {
    await beat('a', 'a1');
    const known = await beat('b', 'b1');
    await beat('a', 'a2');
    await beat('c', 'c1');
    const states = await beat('b', 'b1', known, { read: 'states' });
    expect(shown(states)).toEqual(['c alive c1']);
    await recordsOf('c').end('c, the last');
    const next = await beat('b', 'b1', states, { read: 'states' });
    expect(shown(next)).toEqual(['c ended c, the last']);
    expect(shown(await beat('b', 'b1', next))).toEqual(['a alive a2', 'c ended c, the last']);
  });

  it('are all read by an instance that stood still while the record of another one was forgotten', async () => {
    limits = { ...LIMITS, keptMs: 100 };
    await beat('a', 'a1');
    await beat('c', 'c1');
    const known = await beat('b', 'b1');
    await recordsOf('a').end('a, the last');
    await until(
      async () => !(await beat('d', 'd1').then(shown)).includes('a ended a, the last'),
      () => 'the record to be forgotten',
    );
    const read = await beat('b', 'b1', known);
    expect([read.isComplete, shown(read)]).toEqual([true, ['c alive c1', 'd alive d1']]);
  });

  it('say whether the others know an instance', async () => {
    const first = await beat('a', 'a1');
    const second = await beat('a', 'a1', first);
    await recordsOf('a').end('a1');
    const back = await beat('a', 'a1', second);
    expect([first.wasAlive, second.wasAlive, back.wasAlive]).toEqual([false, true, false]);
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

  it('are given up in time although the clock of Redis was set back', async () => {
    if (where === 'in memory') return;
    limits = { ...LIMITS, memberTimeoutMs: 200 };
    await beat('a', 'a1');
    const known = await beat('b', 'b1');
    const [seen, about] = ['seen', 'about'].map((part) => `${prefix}:members:{records}:${part}`);
    // As if all that is stored had been written two minutes later.
    await redis.zincrby(`${seen}`, 120_000, 'a');
    await redis.hincrby(`${about}`, 'at', 120_000);
    await redis.hincrby(`${about}`, 'steady', 120_000);
    const lost = await untilRead('a lost a1', known, { mayGiveUp: true });
    expect(shown(lost)).toEqual(['a lost a1']);
  });

  it('that no instance wrote are read as empty ones', async () => {
    if (where === 'in memory') return;
    const known = await beat('b', 'b1');
    const [records, changed] = ['records', 'changed'].map(
      (part) => `${prefix}:members:{records}:${part}`,
    );
    for (const [id, value] of Object.entries({ x: 'garbage', y: 'a12', z: 'a1e999 text' })) {
      await redis.hset(`${records}`, id, value);
      await redis.zadd(`${changed}`, known.version + 1, id);
    }
    await redis.zadd(`${changed}`, known.version + 1, 'nothing');
    const read = await beat('b', 'b1', known);
    expect(shown(read)).toEqual(['nothing alive ', 'x alive ', 'y alive ', 'z alive ']);
  });
});
