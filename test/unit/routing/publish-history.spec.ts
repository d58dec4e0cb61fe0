import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PublishHistory } from '../../../src/routing/publish-history.js';

const TEN = Buffer.alloc(10);

const numbers = ({ publishes }: ReturnType<PublishHistory['since']>) =>
  publishes.map(({ sequence }) => sequence);

describe('the publish history', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('returns the events that Redis took since a given time, and those in flight', () => {
    const recent = new PublishHistory({ maxBytes: 1_000, maxAgeMs: 10_000 });
    recent.add('a', TEN, 1).at = performance.now();
    jest.advanceTimersByTime(1_000);
    recent.add('a', TEN, 2).at = performance.now();
    recent.add('b', TEN, 3);
    expect(numbers(recent.since(500))).toEqual([2, 3]);
    expect(numbers(recent.since(2_000))).toEqual([1, 2, 3]);
    expect(recent.since(2_000).lastEvicted).toBeUndefined();
  });

  it('leaves out events that failed', () => {
    const recent = new PublishHistory({ maxBytes: 1_000, maxAgeMs: 10_000 });
    const [first, second] = [recent.add('a', TEN, 1), recent.add('a', TEN, 2)];
    recent.drop(first);
    recent.drop(first);
    second.at = performance.now();
    expect(numbers(recent.since(1_000))).toEqual([2]);
    expect([recent.size, recent.bytes]).toEqual([1, 10]);
    jest.advanceTimersByTime(20_000);
    expect(recent.since(30_000)).toEqual({ publishes: [], lastEvicted: 2 });
    expect([recent.size, recent.bytes]).toEqual([0, 0]);
  });

  it('is bounded by bytes, and reports events that it dropped', () => {
    const recent = new PublishHistory({ maxBytes: 30, maxAgeMs: 10_000 });
    for (let number = 1; number <= 5; number++) {
      recent.add('a', TEN, number).at = performance.now();
    }
    expect(recent.bytes).toBe(30);
    expect(numbers(recent.since(1_000))).toEqual([3, 4, 5]);
    expect(recent.since(1_000).lastEvicted).toBe(2);
    jest.advanceTimersByTime(2_000);
    // Not in the requested time.
    expect(recent.since(1_000)).toEqual({ publishes: [], lastEvicted: undefined });
  });

  it('reports the highest number that it dropped, even if a lower one was sent later', () => {
    const recent = new PublishHistory({ maxBytes: 10, maxAgeMs: 10_000 });
    for (const number of [2, 3, 1, 4]) recent.add('a', TEN, number).at = performance.now();
    expect(numbers(recent.since(1_000))).toEqual([4]);
    expect(recent.since(1_000).lastEvicted).toBe(3);
  });

  it('stays within its bounds over many events', () => {
    const recent = new PublishHistory({ maxBytes: 1_000, maxAgeMs: 10_000 });
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

  it('returns the published bytes, even after the Buffer was reused and older events were dropped', () => {
    const recent = new PublishHistory({ maxBytes: 1_000_000, maxAgeMs: 10_000 });
    const sizes = [1, 100, 70_000, 131_072, 131_073, 300_000, 5_000];
    for (let number = 1; number <= 400; number++) {
      const bytes = Buffer.alloc(sizes[number % sizes.length] ?? 0, number % 251);
      const publish = recent.add('a', bytes, number);
      // Large envelopes are not copied: nothing writes to a published envelope.
      if (bytes.length <= 131_072) bytes.fill(0xff);
      if (number % 11 === 0) recent.drop(publish);
      else publish.at = performance.now();
    }
    const { publishes } = recent.since(1_000);
    expect(publishes.length).toBeGreaterThan(5);
    for (const { sequence, bytes } of publishes) {
      expect(bytes).toHaveLength(sizes[sequence % sizes.length] ?? 0);
      expect(bytes.every((byte) => byte === sequence % 251)).toBe(true);
    }
    expect(recent.bytes).toBe(publishes.reduce((sum, { bytes }) => sum + bytes.length, 0));
  });

  it('reuses its memory', () => {
    const recent = new PublishHistory({ maxBytes: 1_000_000, maxAgeMs: 10_000 });
    const made = jest.spyOn(Buffer, 'allocUnsafeSlow');
    for (let number = 1; number <= 20_000; number++) {
      recent.add('a', Buffer.alloc(2_000), number).at = performance.now();
    }
    // 40 MB passed through it.
    expect(made.mock.calls.length).toBeLessThan(8);
    made.mockRestore();
  });
});
