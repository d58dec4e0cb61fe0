import { beforeEach, describe, expect, it } from '@jest/globals';
import { BUCKETS } from '../../../src/presence/presence-buckets.js';
import type { Lease, PresenceStore, Swept } from '../../../src/presence/presence-store.js';
import { Sweeps, type Sweeper } from '../../../src/presence/sweeps.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const LEASE: Lease = { owner: 'a.0', connection: 0, until: 0 };
const DONE: Swept = { state: 'done', now: 0, changes: [], nextAt: undefined, cursor: undefined };

describe('Sweeps', () => {
  let swept: number[];
  let buried: string[];
  let failures: number[];
  let reporter: Reporter;
  beforeEach(() => {
    swept = [];
    buried = [];
    failures = [];
    reporter = new Reporter(new MemoryLogger());
  });

  const given = (sweep: (bucket: number) => Promise<Swept>, around: Partial<Sweeper> = {}) => {
    const store = {
      sweep: async (bucket: number) => {
        const answer = await sweep(bucket);
        swept.push(bucket);
        return answer;
      },
      buried: async (dead: string) => void buried.push(dead),
    } as unknown as PresenceStore;
    const sweeper: Sweeper = {
      store,
      lease: () => LEASE,
      adopt: () => true,
      failed: (bucket) => failures.push(bucket),
      ...around,
    };
    return new Sweeps(sweeper, reporter, (error) => {
      throw error;
    });
  };

  it('tries only the buckets again in which it failed, while others succeed', async () => {
    const once = new Set([3, 9, 40]);
    const sweeps = given(async (bucket) => {
      if (once.delete(bucket)) throw new Error('no answer');
      return DONE;
    });
    await sweeps.begin('dead.0');
    expect(swept.toSorted((a, b) => a - b)).toEqual(Array.from({ length: BUCKETS }, (_, i) => i));
    expect(failures.toSorted((a, b) => a - b)).toEqual([3, 9, 40]);
    expect(buried).toEqual(['dead.0']);
  });

  it('leaves it to the next attempt where nothing succeeds', async () => {
    const sweeps = given(async () => {
      throw new Error('no answer');
    });
    await sweeps.begin('dead.0');
    expect(buried).toEqual([]);
    expect(failures.length).toBeLessThan(BUCKETS);
    expect(sweeps.owners).toEqual([]);
  });

  it('ends when the lease has', async () => {
    let calls = 0;
    const sweeps = given(async () => DONE, { lease: () => (calls++ < 10 ? LEASE : undefined) });
    await sweeps.begin('dead.0');
    expect(swept).toHaveLength(10);
    expect(buried).toEqual([]);
  });
});
