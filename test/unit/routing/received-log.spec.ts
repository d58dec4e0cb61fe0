import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ReceivedLog } from '../../../src/routing/received-log.js';

const [A, B] = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb'];

describe('the log of received events', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('distinguishes instances, numbers and channels', () => {
    const log = new ReceivedLog();
    log.add(A, 1, 7);
    log.add(A, 2, 7);
    log.add(A, 2, 8);
    log.add(A, 2, 9);
    expect([1, 2, 3].map((number) => log.has(A, number, 7))).toEqual([true, true, false]);
    expect([7, 8, 9, 10].map((channel) => log.has(A, 2, channel))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(log.has(A, 1, 8)).toBe(false);
    expect(log.has(B, 1, 7)).toBe(false);
    // Events after the first lookup as well.
    log.add(B, 1, 7);
    log.add(A, 3, 8);
    expect([log.has(B, 1, 7), log.has(A, 3, 8), log.has(A, 3, 7)]).toEqual([true, true, false]);
    expect([log.lastOf(A), log.lastOf(B), log.lastOf('x')]).toEqual([3, 1, 0]);
    expect(log.lastOfAll()).toEqual(
      new Map([
        [A, 3],
        [B, 1],
      ]),
    );
  });

  it('forgets the oldest events, and knows how far back it goes', () => {
    const log = new ReceivedLog({ entriesPerChunk: 10, chunks: 3 });
    for (let number = 1; number <= 30; number++) {
      log.add(A, number, 7);
      jest.advanceTimersByTime(1);
    }
    expect(log.coversMs).toBe(Infinity);
    expect(log.has(A, 1, 7)).toBe(true);
    log.add(A, 31, 7);
    expect(log.has(A, 10, 7)).toBe(false);
    expect(log.has(A, 11, 7)).toBe(true);
    expect(log.coversMs).toBe(20);
  });

  it('gives the same results with and without its index', () => {
    const log = new ReceivedLog({ entriesPerChunk: 10, chunks: 100 });
    const asked: boolean[] = [];
    for (let number = 1; number <= 500; number++) {
      log.add(number % 2 === 0 ? A : B, number, number % 3);
      if (number % 50 === 0) log.dropIndex();
      asked.push(number % 70 !== 0 || log.has(A, number, number % 3));
    }
    expect(asked).not.toContain(false);
    for (let number = 1; number <= 500; number++) {
      expect(log.has(A, number, number % 3)).toBe(number % 2 === 0);
      expect(log.has(B, number, number % 3)).toBe(number % 2 === 1);
    }
  });
});
