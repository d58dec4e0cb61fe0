import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ResolvedPresenceOptions } from '../../../src/options/resolve-presence.js';
import type {
  BeatAnswer,
  Lease,
  PresenceStore,
} from '../../../src/presence/store/presence-store.js';
import { TestStores } from '../../support/presence/test-stores.js';
import { until } from '../../support/until.js';

const ALWAYS = Number.MAX_SAFE_INTEGER;

describe('the lease of an instance in Redis', () => {
  let stores: TestStores;
  let store: PresenceStore;
  let a: Lease;
  beforeEach(async () => {
    stores = await TestStores.of('Redis');
  });
  afterEach(() => stores.close());

  const start = async (options: Partial<ResolvedPresenceOptions> = {}): Promise<void> => {
    store = stores.with(options);
    a = await stores.lease(store, 'a.0');
    await stores.lease(store, 'b.0');
  };
  const beat = (owner: string, more: { data?: string; claimUntil?: number } = {}) =>
    store.beat({ owner, data: more.data, claimUntil: more.claimUntil ?? 0 });
  const eventually = async (owner: string, isIt: (answer: BeatAnswer) => boolean) => {
    let answer = await beat(owner, { claimUntil: ALWAYS });
    await until(
      async () => isIt(answer) || isIt((answer = await beat(owner, { claimUntil: ALWAYS }))),
      () => `another answer than ${JSON.stringify(answer)}`,
    );
    return answer;
  };

  it('is renewed, and lasts for the given time', async () => {
    await start({ leaseMs: 1_234 });
    const { state, now, until: end, data, dead } = await beat('a.0');
    expect({ state, lasts: end - now, dead }).toEqual({ state: 'held', lasts: 1_234, dead: [] });
    expect(await beat('a.0', { data })).toMatchObject({ state: 'held', data });
    expect((await beat('b.0')).data).toBe(data);
  });

  it('says that the data were lost, each time until the instance has confirmed it', async () => {
    await start();
    const { data } = await beat('a.0');
    await stores.loseData();
    expect((await beat('b.0', { data })).state).toBe('lost');
    expect((await beat('a.0', { data })).state).toBe('lost');
    const again = await beat('a.0', { data });
    expect(again.state).toBe('lost');
    expect((await beat('a.0', { data: again.data })).state).toBe('held');
    // A new instance has lost nothing.
    expect((await beat('c.0')).state).toBe('held');
  });

  it('of a silent instance can be ended by another one that is allowed to, and only then', async () => {
    await start({ leaseMs: 100 });
    const { data, now } = await beat('a.0');
    await until(
      async () => (await beat('b.0', { claimUntil: now + 50 })).now > now + 120,
      () => 'the end of the lease',
    );
    // No other instance has given it up: it continues.
    expect(await beat('a.0', { data })).toMatchObject({ state: 'held', dead: [] });
    const { dead } = await eventually('b.0', (answer) => answer.dead.length > 0);
    expect(dead).toEqual(['a.0']);
    expect(await beat('a.0', { data })).toMatchObject({ state: 'swept' });
    expect(await beat('a.0')).toMatchObject({ state: 'swept' });
    await store.sweepFinished('a.0');
    expect(await beat('a.0', { data })).toMatchObject({ state: 'swept' });
    expect(await beat('a.0')).toMatchObject({ state: 'swept' });
    expect(await beat('a.1')).toMatchObject({ state: 'held', dead: [] });
  });

  it('of an ended instance is processed by another one if the first does not succeed', async () => {
    await start({ leaseMs: 500 });
    await store.resign('a.0');
    const first = await beat('b.0');
    const other = await beat('c.0');
    expect(first.dead).toEqual(['a.0']);
    expect(other.now < first.until ? other.dead : []).toEqual([]);
    expect((await eventually('c.0', ({ dead }) => dead.includes('a.0'))).state).toBe('held');
    await store.sweepFinished('a.0');
    await store.sweepFinished('b.0');
    await eventually('c.0', ({ now }) => now > a.until + 600);
  });

  it('of an ended instance is left to the one that processes it, as long as that continues', async () => {
    await start({ leaseMs: 500 });
    await store.resign('a.0');
    let sweeper = await beat('b.0');
    const { now } = sweeper;
    await until(
      async () => {
        const other = await beat('c.0');
        // By the clock of Redis: if that was frozen, another instance tries.
        expect(other.now < sweeper.until ? other.dead : []).toEqual([]);
        sweeper = await store.beat({
          owner: 'b.0',
          data: undefined,
          claimUntil: 0,
          sweeping: ['a.0'],
        });
        return other.now > now + 1_100;
      },
      () => 'twice the time in which another one would try',
    );
    await store.sweepFinished('a.0');
    await store.beat({ owner: 'b.0', data: undefined, claimUntil: 0, sweeping: ['a.0'] });
    expect((await beat('c.0')).dead).toEqual([]);
  });

  it('that is missing, as after a failover, has its users processed', async () => {
    await start();
    const { data } = await beat('a.0');
    await stores.redis.zrem(`${stores.prefix}:presence:{leases}:leases`, 'a.0');
    expect((await beat('a.0', { data })).state).toBe('swept');
    expect((await beat('b.0')).dead).toEqual(['a.0']);
  });
});
