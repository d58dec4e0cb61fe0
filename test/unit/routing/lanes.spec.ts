import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Lane, Lanes, settle, type LaneBatch } from '../../../src/routing/lanes.js';

describe('a lane', () => {
  it('numbers publishes from 1, and gives the channels of one event one number', () => {
    const lane = new Lane(1);
    const numbers = [false, false, true, true, false].map((again) => {
      lane.begin(again);
      return lane.last;
    });
    expect(numbers).toEqual([1, 2, 2, 2, 3]);
  });

  it('has its head at the last number while nothing is in flight, and else before what is', () => {
    const lane = new Lane(1);
    expect(lane.head).toBe(0);
    const [a, b] = [lane.begin(), lane.begin(true)];
    expect(lane.head).toBe(0);
    settle(a);
    expect(lane.head).toBe(0);
    settle(b);
    expect(lane.head).toBe(1);
  });

  it('gives an event another number once its head covers the first one', () => {
    const lane = new Lane(1);
    settle(lane.begin());
    lane.begin(true);
    expect(lane.last).toBe(1);
    const other = new Lane(2);
    settle(other.begin());
    expect(other.head).toBe(1);
    other.begin(true);
    expect([other.last, other.head]).toEqual([2, 1]);
  });

  it('never has its head at or behind an open publish, and never falls back; the head is at the end once all are settled', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ again: fc.boolean(), which: fc.nat(400) }), { maxLength: 400 }),
        (steps) => {
          const lane = new Lane(1);
          const open: { number: number; batch: LaneBatch }[] = [];
          let before = 0;
          const check = (): void => {
            const { head } = lane;
            const lowest = Math.min(...open.map(({ number }) => number), lane.last + 1);
            expect(head).toBeLessThan(lowest);
            expect(head).toBeGreaterThanOrEqual(before);
            expect(lowest - 1 - head).toBeLessThanOrEqual(64);
            before = head;
          };
          steps.forEach(({ again, which }, index) => {
            const batch = lane.begin(again && index > 0);
            open.push({ number: lane.last, batch });
            check();
            const [settled] = which < open.length ? open.splice(which, 1) : [];
            if (settled !== undefined) settle(settled.batch);
            check();
          });
          for (const { batch } of open.splice(0)) settle(batch);
          expect(lane.head).toBe(lane.last);
        },
      ),
    );
  });
});

describe('the lanes of an instance', () => {
  it('are found by the names that the transport gives them, and keep their numbers', () => {
    const lanes = new Lanes((name) => (name === 'a' ? 'redis' : undefined));
    const first = lanes.of('a', 'c');
    settle(first.begin());
    const second = lanes.of('b', 'c');
    second.begin();
    second.begin();
    expect(lanes.of('a', 'd')).toBe(first);
    expect([first.id, second.id]).toEqual([1, 2]);
    expect(lanes.lasts()).toEqual(
      new Map([
        [1, 1],
        [2, 2],
      ]),
    );
    expect(lanes.heads()).toEqual([
      { lane: 1, server: 'redis', head: 1, last: 1 },
      { lane: 2, server: '', head: 0, last: 2 },
    ]);
  });

  it('keep the server that they went to, once it is known', () => {
    let server: string | undefined;
    const lanes = new Lanes(() => server);
    settle(lanes.of('a', 'c').begin());
    expect(lanes.heads()).toMatchObject([{ server: '' }]);
    server = 'one';
    expect(lanes.heads()).toMatchObject([{ server: 'one' }]);
    server = 'two';
    lanes.of('b', 'c');
    expect(lanes.heads()).toMatchObject([{ server: 'one' }, { server: 'two' }]);
  });

  it('are bounded: those that were left first are forgotten, and their numbers are not given again', () => {
    const lanes = new Lanes(() => 'redis');
    for (let i = 1; i <= 100; i++) lanes.of(`#${i}`, 'c');
    expect(lanes.heads()).toHaveLength(64);
    expect(lanes.of('#1', 'c').id).toBe(101);
  });
});
