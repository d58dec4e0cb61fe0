import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { HeldCalls, type HeldCall } from '../../src/nest/held-calls.js';

const MAX_HELD = 10_000;
const MAX_HOLD_MS = 30_000;

describe('HeldCalls', () => {
  let held: HeldCalls;
  let abandoned: string[];
  beforeEach(() => {
    jest.useFakeTimers();
    held = new HeldCalls();
    abandoned = [];
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  const hold = (name: string): HeldCall => {
    const call: HeldCall = {
      failedToRun: (error) => {
        throw error;
      },
      abandon: (why) => {
        held.delete(call);
        abandoned.push(`${name} ${why}`);
      },
    };
    held.add(call);
    return call;
  };

  it('abandons each call 30 s after its socket has left', () => {
    hold('a');
    jest.advanceTimersByTime(10_000);
    hold('b');
    jest.advanceTimersByTime(MAX_HOLD_MS - 10_000 - 1);
    expect(abandoned).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(abandoned).toEqual(['a had no result 30 s after its socket had left']);
    jest.advanceTimersByTime(10_000);
    expect(abandoned).toHaveLength(2);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('leaves a call alone that has ended, and keeps no timer for it', () => {
    held.delete(hold('a'));
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(MAX_HOLD_MS);
    held.close();
    expect(abandoned).toEqual([]);
  });

  it('abandons the oldest call when there are too many', () => {
    for (let index = 0; index < MAX_HELD; index++) hold(String(index));
    expect(abandoned).toEqual([]);
    hold('last');
    expect(abandoned).toEqual([`0 had no result yet, and ${MAX_HELD} others are awaited`]);
  });

  it('abandons all calls when it is closed', () => {
    hold('a');
    hold('b');
    held.close();
    expect(abandoned).toEqual([
      'a had no result yet when the app was closed',
      'b had no result yet when the app was closed',
    ]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
