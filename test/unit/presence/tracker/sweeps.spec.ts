import { beforeEach, describe, expect, it } from '@jest/globals';
import { BUCKETS } from '../../../../src/presence/store/presence-buckets.js';
import type { Lease, PresenceStore, Swept } from '../../../../src/presence/store/presence-store.js';
import { Sweeps, type Sweeper } from '../../../../src/presence/tracker/sweeps.js';
import { Reporter } from '../../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../../support/memory-logger.js';

const LEASE: Lease = { owner: 'a.0', connection: 0, until: 0 };
const DONE: Swept = { state: 'done', now: 0, changes: [], nextAt: undefined, cursor: undefined };

describe('Sweeps', () => {
  let swept: number[];
  let buried: string[];
  let failures: number[];
  let reporter: Reporter;
  let store: { connection: number };
  beforeEach(() => {
    swept = [];
    buried = [];
    failures = [];
    reporter = new Reporter(new MemoryLogger());
  });

  const given = (sweep: (bucket: number) => Promise<Swept>, around: Partial<Sweeper> = {}) => {
    const answering = {
      connection: 0,
      sweep: async (bucket: number) => {
        const answer = await sweep(bucket);
        swept.push(bucket);
        return answer;
      },
      sweepFinished: async (dead: string) => void buried.push(dead),
    };
    store = answering;
    const sweeper: Sweeper = {
      store: answering as unknown as PresenceStore,
      lease: () => LEASE,
      adopt: () => true,
      failed: (bucket) => failures.push(bucket),
      ...around,
    };
    return new Sweeps(sweeper, reporter, (error) => {
      throw error;
    });
  };

  it('retries only the failed buckets while others succeed', async () => {
    const once = new Set([3, 9, 40]);
    const sweeps = given(async (bucket) => {
      if (once.delete(bucket)) throw new Error('no answer');
      return DONE;
    });
    await sweeps.renewed(['dead.0']);
    expect(swept.toSorted((a, b) => a - b)).toEqual(Array.from({ length: BUCKETS }, (_, i) => i));
    expect(failures.toSorted((a, b) => a - b)).toEqual([3, 9, 40]);
    expect(buried).toEqual(['dead.0']);
  });

  it('lets other instances try as well if nothing succeeds', async () => {
    const sweeps = given(async () => {
      throw new Error('no answer');
    });
    await sweeps.renewed(['dead.0']);
    expect(buried).toEqual([]);
    expect(failures.length).toBeLessThan(BUCKETS);
    expect(sweeps.owners).toEqual([]);
  });

  it('continues where it stopped with each renewal of the lease, so that it completes on a slow Redis as well', async () => {
    let beforeLeaseEnds = 0;
    const sweeps = given(async () => DONE, { adopt: () => beforeLeaseEnds-- > 0 });
    let renewals = 0;
    for (; buried.length === 0; renewals++) {
      beforeLeaseEnds = 20;
      await sweeps.renewed(renewals === 0 ? ['dead.0'] : []);
    }
    expect(renewals).toBe(Math.ceil(BUCKETS / 20));
    expect(buried).toEqual(['dead.0']);
    await sweeps.renewed([]);
    expect(buried).toHaveLength(1);
  });

  it('starts again on a new connection, because the Redis there may not know the swept buckets', async () => {
    let left = 10;
    const sweeps = given(async () => DONE, {
      lease: () => (left-- > 0 ? { ...LEASE, connection: store.connection } : undefined),
    });
    await sweeps.renewed(['dead.0']);
    expect(swept).toHaveLength(10);

    store.connection = 1;
    left = Infinity;
    await sweeps.renewed([]);
    expect(swept).toHaveLength(10);
    await sweeps.renewed(['dead.0']);
    expect(swept).toHaveLength(10 + BUCKETS);
    expect(buried).toEqual(['dead.0']);
  });
});
