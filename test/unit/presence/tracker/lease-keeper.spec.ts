import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type {
  Beat,
  BeatAnswer,
  PresenceStore,
} from '../../../../src/presence/store/presence-store.js';
import { LeaseKeeper, type LeaseHandlers } from '../../../../src/presence/tracker/lease-keeper.js';
import { Deferred } from '../../../support/deferred.js';

const OPTIONS = { leaseMs: 200, heartbeatIntervalMs: 20 };
/** The store has its own clock. */
const STORE_NOW = 5_000;
const HELD: BeatAnswer = {
  state: 'held',
  now: STORE_NOW,
  until: STORE_NOW + OPTIONS.leaseMs,
  data: 'data',
  dead: [],
};

describe('LeaseKeeper', () => {
  let store: { connection: number; beat(beat: Beat): Promise<BeatAnswer> };
  let beats: Beat[];
  /** The replies of the next beats; afterwards the lease is renewed each time. */
  let replies: (Partial<BeatAnswer> | Error | Promise<void>)[];
  let calls: unknown[];
  let hasSubscriber: boolean;
  let keeper: LeaseKeeper;
  beforeEach(() => {
    jest.useFakeTimers();
    beats = [];
    replies = [];
    calls = [];
    hasSubscriber = false;
    store = {
      connection: 0,
      beat: async (beat) => {
        beats.push(beat);
        const reply = await replies.shift();
        if (reply instanceof Error) throw reply;
        return { ...HELD, ...reply };
      },
    };
    const handlers: LeaseHandlers = {
      sweeping: () => ['dead.1'],
      hasSubscriber: () => hasSubscriber,
      givenUp: () => calls.push('givenUp'),
      storeForgot: (loss) => calls.push(loss),
      renewed: (dead) => calls.push(['renewed', ...dead]),
      failed: (error) => calls.push(error),
    };
    keeper = new LeaseKeeper(store as unknown as PresenceStore, 'a', OPTIONS, handlers);
  });
  afterEach(() => {
    keeper.stop();
    jest.useRealTimers();
  });

  it('has no lease before the first beat', () => {
    expect(keeper.current).toBeUndefined();
    expect(keeper.isHeld).toBe(false);
    expect(keeper.owner).toBe('a.0');
  });

  it('has a lease for its owner and connection after a beat', async () => {
    store.connection = 3;
    await keeper.beat();
    expect(keeper.current).toEqual({
      owner: 'a.0',
      connection: 3,
      until: STORE_NOW + OPTIONS.leaseMs,
    });
    expect(calls).toEqual([{ storeLostData: false }, ['renewed']]);
  });

  it('sends a beat with each heartbeat, with the known data id of the store', async () => {
    keeper.start();
    await jest.advanceTimersByTimeAsync(2 * OPTIONS.heartbeatIntervalMs);
    const same = { owner: 'a.0', claimUntil: 0, sweeping: ['dead.1'], hasSubscriber: false };
    expect(beats).toEqual([
      { ...same, data: undefined },
      { ...same, data: 'data' },
    ]);
  });

  it('passes on dead owners', async () => {
    replies = [{ dead: ['b.0', 'c.0'] }];
    await keeper.beat();
    expect(calls.at(-1)).toEqual(['renewed', 'b.0', 'c.0']);
  });

  it('holds the lease from the time of the call for its length, not longer', async () => {
    const reply = new Deferred();
    replies = [reply.promise];
    const beat = keeper.beat();
    await jest.advanceTimersByTimeAsync(50);
    reply.resolve();
    await beat;
    const lease = { owner: 'a.0', connection: 0, until: 0 };
    await jest.advanceTimersByTimeAsync(OPTIONS.leaseMs - 51);
    expect(keeper.holds(lease)).toBe(true);
    expect(keeper.holds({ ...lease, owner: 'a.1' })).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(keeper.holds(lease)).toBe(false);
  });

  it('has no lease on a new connection until a beat there, and repeats the updates then', async () => {
    await keeper.beat();
    store.connection = 1;
    expect(keeper.current).toBeUndefined();
    calls = [];
    await keeper.beat();
    expect(keeper.current).toMatchObject({ connection: 1 });
    expect(calls).toEqual([{ storeLostData: false }, ['renewed']]);
  });

  it('ignores a reply over an earlier connection', async () => {
    const reply = new Deferred();
    replies = [reply.promise];
    const beat = keeper.beat();
    store.connection = 1;
    reply.resolve();
    await beat;
    expect(keeper.current).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it('takes a new lease under a new name after it was given up', async () => {
    await keeper.beat();
    calls = [];
    replies = [{ state: 'swept' }];
    await keeper.beat();
    expect(beats.map(({ owner, data }) => [owner, data])).toEqual([
      ['a.0', undefined],
      ['a.0', 'data'],
      ['a.1', undefined],
    ]);
    expect(calls).toEqual(['givenUp', { storeLostData: false }, ['renewed']]);
    expect(keeper.current).toMatchObject({ owner: 'a.1' });
  });

  it('makes joins tentative after a data loss, for the time that the store says', async () => {
    replies = [{ state: 'lost', tentativeUntil: STORE_NOW + 80 }];
    await keeper.beat();
    expect(calls).toEqual([{ storeLostData: true }, ['renewed']]);
    expect(keeper.current).toMatchObject({ tentativeUntil: STORE_NOW + 80 });
    await jest.advanceTimersByTimeAsync(79);
    expect(keeper.isTentative).toBe(true);
    await jest.advanceTimersByTimeAsync(1);
    expect(keeper.isTentative).toBe(false);
  });

  it('gives up others only after a lease without a failure', async () => {
    keeper.start();
    await jest.advanceTimersByTimeAsync(OPTIONS.heartbeatIntervalMs + OPTIONS.leaseMs - 1);
    expect(beats.every(({ claimUntil }) => claimUntil === 0)).toBe(true);
    await jest.advanceTimersByTimeAsync(1);
    expect(beats.at(-1)?.claimUntil).toBe(STORE_NOW + OPTIONS.leaseMs / 2);

    const error = new Error('no reply');
    replies = [error];
    await keeper.beat();
    expect(calls.at(-1)).toBe(error);
    await keeper.beat();
    expect(beats.at(-1)?.claimUntil).toBe(0);
  });

  it('rejects with the error of the last beat, if it failed', async () => {
    const error = new Error('no reply');
    replies = [error];
    await keeper.beat();
    await expect(keeper.settled()).rejects.toBe(error);
    await keeper.beat();
    await keeper.settled();
  });

  it('sends one more beat for all requests during a beat', async () => {
    const reply = new Deferred();
    replies = [reply.promise];
    const first = keeper.beat();
    const others = [keeper.beat(), keeper.beat()];
    expect(beats).toHaveLength(1);
    reply.resolve();
    await Promise.all([first, ...others]);
    expect(beats).toHaveLength(2);
    expect(keeper.isBeating).toBe(false);
  });

  it.each([
    { name: 'is sent at once, once it has started', starts: true, known: false, more: 1 },
    { name: 'waits before it has started', starts: false, known: false, more: 0 },
    { name: 'is not needed if the store knows', starts: true, known: true, more: 0 },
  ])('subscription of the app: a beat $name', async ({ starts, known, more }) => {
    if (starts) keeper.start();
    hasSubscriber = known;
    await keeper.beat();
    hasSubscriber = true;
    keeper.subscribed();
    await jest.advanceTimersByTimeAsync(0);
    expect(beats).toHaveLength(1 + more);
  });

  it('renews a refused lease at once, but not twice in a second', async () => {
    await keeper.beat();
    keeper.ended();
    expect(beats).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1_001);
    keeper.ended();
    expect(beats).toHaveLength(2);
  });

  it('ignores a reply after it has stopped, and sends no further beat', async () => {
    const reply = new Deferred();
    replies = [reply.promise];
    keeper.start();
    const beat = keeper.beat();
    keeper.stop();
    reply.resolve();
    await beat;
    await jest.advanceTimersByTimeAsync(10 * OPTIONS.heartbeatIntervalMs);
    expect(keeper.current).toBeUndefined();
    expect(calls).toEqual([]);
    expect(beats).toHaveLength(1);
  });
});
