import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
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
  const KEPT_MS = 60_000;
  const NAMES = Array.from({ length: 300 }, (_, i) => `m${i + 1}`);
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Where each channel is published: the channel `a1` on the connection number 0 to the master `a`. */
  function given(serverOf = (channel: string): string | undefined => channel.slice(0, 1)) {
    let connection = 0;
    const laneOf = (channel: string): string => `${channel.replace(/\d+$/, '')}#${connection}`;
    const lanes = new Lanes({ laneOf, serverOf, keptMs: KEPT_MS });
    const ids = (): number[] => lanes.heads().map(({ lane }) => lane);
    return {
      lanes,
      ids,
      publish: (channel: string) => settle(lanes.of(channel).begin()),
      reconnect: () => void connection++,
    };
  }

  it('are found by the names that the transport gives them, and keep their numbers', () => {
    const { lanes, publish } = given((channel) => (channel === 'a1' ? 'redis' : undefined));
    publish('a1');
    const second = lanes.of('b1');
    second.begin();
    second.begin();
    expect([lanes.of('a2').id, second.id]).toEqual([1, 2]);
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
    const { lanes, publish, reconnect } = given(() => server);
    publish('a1');
    expect(lanes.heads()).toMatchObject([{ server: '' }]);
    server = 'one';
    expect(lanes.heads()).toMatchObject([{ server: 'one' }]);
    server = 'two';
    reconnect();
    publish('a1');
    expect(lanes.heads()).toMatchObject([{ server: 'one' }, { server: 'two' }]);
  });

  it('are one for each master, however many there are and however seldom they are used', () => {
    const { lanes, ids, publish } = given();
    const masters = NAMES.map((name) =>
      name.replaceAll(/\d/g, (digit) => 'abcdefghij'[+digit] ?? ''),
    );
    for (let round = 0; round < 3; round++) {
      for (const master of masters) publish(master);
      jest.advanceTimersByTime(2 * KEPT_MS);
      expect(ids()).toHaveLength(300);
    }
    expect([...lanes.lasts().values()]).toEqual(masters.map(() => 3));
  });

  it('are listed for a while after they were left; the newest one stays', () => {
    const { ids, publish, reconnect } = given();
    publish('a1');
    publish('b1');
    expect(ids()).toEqual([1, 2]);
    reconnect();
    publish('a1');
    jest.advanceTimersByTime(KEPT_MS - 1);
    expect(ids()).toEqual([1, 2, 3]);
    jest.advanceTimersByTime(1);
    expect(ids()).toEqual([3]);
    reconnect();
    jest.advanceTimersByTime(2 * KEPT_MS);
    expect(ids()).toEqual([3]);
    publish('a1');
    jest.advanceTimersByTime(2 * KEPT_MS);
    expect(ids()).toEqual([4]);
  });

  it('are listed as long as a publish on them is in flight', () => {
    const { lanes, ids, publish, reconnect } = given();
    const batch = lanes.of('a1').begin();
    expect(ids()).toEqual([1]);
    reconnect();
    publish('a1');
    jest.advanceTimersByTime(2 * KEPT_MS);
    expect(ids()).toEqual([1, 2]);
    settle(batch);
    expect(ids()).toEqual([2]);
  });

  it('are bounded: those that were left first are forgotten, and their numbers are not given again', () => {
    const { ids, publish, reconnect } = given();
    publish('used1');
    for (let i = 1; i <= 2_000; i++) {
      publish('a1');
      reconnect();
    }
    expect(ids()).toHaveLength(1_024);
    publish('a1');
    expect(ids().at(-1)).toBe(2_002);
  });
});
