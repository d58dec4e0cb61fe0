import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RecentPublishes } from '../../../src/cluster/recent-publishes.js';

const TEN = Buffer.alloc(10);

const numbers = ({ publishes }: ReturnType<RecentPublishes['since']>) =>
  publishes.map(({ sequence }) => sequence);

describe('what was published lately', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is what Redis took since then, and what is under way', () => {
    const recent = new RecentPublishes({ maxBytes: 1_000, maxAgeMs: 10_000 });
    recent.add('a', TEN, 1).at = performance.now();
    jest.advanceTimersByTime(1_000);
    recent.add('a', TEN, 2).at = performance.now();
    recent.add('b', TEN, 3);
    expect(numbers(recent.since(500))).toEqual([2, 3]);
    expect(numbers(recent.since(2_000))).toEqual([1, 2, 3]);
    expect(recent.since(2_000).forgotten).toBeUndefined();
  });

  it('is without what failed', () => {
    const recent = new RecentPublishes({ maxBytes: 1_000, maxAgeMs: 10_000 });
    const [first, second] = [recent.add('a', TEN, 1), recent.add('a', TEN, 2)];
    recent.drop(first);
    recent.drop(first);
    second.at = performance.now();
    expect(numbers(recent.since(1_000))).toEqual([2]);
    expect([recent.size, recent.bytes]).toEqual([1, 10]);
    jest.advanceTimersByTime(20_000);
    expect(recent.since(30_000)).toEqual({ publishes: [], forgotten: 2 });
    expect([recent.size, recent.bytes]).toEqual([0, 0]);
  });

  it('is bounded by bytes, and tells what it let go of', () => {
    const recent = new RecentPublishes({ maxBytes: 30, maxAgeMs: 10_000 });
    for (let number = 1; number <= 5; number++) {
      recent.add('a', TEN, number).at = performance.now();
    }
    expect(recent.bytes).toBe(30);
    expect(numbers(recent.since(1_000))).toEqual([3, 4, 5]);
    expect(recent.since(1_000).forgotten).toBe(2);
    jest.advanceTimersByTime(2_000);
    // Not of that time.
    expect(recent.since(1_000)).toEqual({ publishes: [], forgotten: undefined });
  });

  it('keeps its bounds over many', () => {
    const recent = new RecentPublishes({ maxBytes: 1_000, maxAgeMs: 10_000 });
    for (let number = 1; number <= 10_000; number++) {
      const publish = recent.add('a', TEN, number);
      if (number % 3 === 0) recent.drop(publish);
      else publish.at = performance.now();
    }
    expect([recent.size, recent.bytes]).toEqual([100, 1_000]);
    expect(numbers(recent.since(1_000)).at(-1)).toBe(10_000);
    recent.clear();
    expect([recent.size, recent.bytes]).toEqual([0, 0]);
  });
});
