import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RecentJoins } from '../../../../src/socket-io/adapter/recent-joins.js';

const KEPT_MS = 1_000;

describe('recent joins', () => {
  let joins: RecentJoins;
  beforeEach(() => {
    jest.useFakeTimers();
    joins = new RecentJoins(KEPT_MS);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('say whether a socket has joined a room after a moment', () => {
    const before = Date.now();
    jest.advanceTimersByTime(10);
    joins.add('a', ['r', 'a']);
    expect(joins.isLater('a', 'r', before)).toBe(true);
    expect(joins.isLater('a', 'r', before + 10)).toBe(false);
    for (const [id, room] of [
      ['b', 'r'],
      ['a', 's'],
      // The room of the socket itself.
      ['a', 'a'],
    ] as const) {
      expect(joins.isLater(id, room, before)).toBe(false);
    }
    jest.advanceTimersByTime(10);
    joins.add('a', ['r']);
    expect(joins.isLater('a', 'r', before + 10)).toBe(true);
  });

  it('are remembered for as long as events may be late, and forgotten later', () => {
    joins.add('a', ['r']);
    jest.advanceTimersByTime(KEPT_MS - 1);
    joins.add('b', ['s']);
    jest.advanceTimersByTime(KEPT_MS - 1);
    joins.add('c', ['t']);
    expect(['a', 'b'].map((id) => joins.isLater(id, id === 'a' ? 'r' : 's', 0))).toEqual([
      true,
      true,
    ]);
    jest.advanceTimersByTime(2 * KEPT_MS);
    joins.add('d', ['u']);
    expect(joins.isLater('b', 's', 0)).toBe(false);
    expect(joins.size).toBe(1);
  });

  it('are forgotten when the socket leaves the room', () => {
    joins.add('a', ['r']);
    jest.advanceTimersByTime(KEPT_MS);
    joins.add('b', ['r']);
    for (const id of ['a', 'b', 'c']) joins.delete(id, 'r');
    expect(joins.size).toBe(0);
    joins.add('b', ['r']);
    expect(joins.isLater('b', 'r', 0)).toBe(true);
  });

  it('take a bounded amount of memory', () => {
    const few = new RecentJoins(KEPT_MS, 10);
    for (let n = 0; n < 1_000; n++) few.add(`${n}`, [`r${n}`]);
    expect(few.size).toBe(20);
    expect(few.isLater('999', 'r999', 0)).toBe(true);
  });

  it('are not remembered if nothing is late', () => {
    const none = new RecentJoins(0);
    none.add('a', ['r']);
    expect(none.size).toBe(0);
  });
});
