import { describe, expect, it } from '@jest/globals';
import type { NumberedArrival } from '../../../src/repair/hold-back-queue.js';
import { PassedGaps, type PassedGap } from '../../../src/repair/passed-gaps.js';

const ORIGIN = '0123456789abcdef';
const ANY_CHANNEL = [() => true];

function gap({ from = 0, upTo = 10, ...rest }: Partial<Given> = {}): PassedGap {
  const start = { from: new Map([[1, from]]), heard: 0 };
  const pull = { origin: ORIGIN, start };
  return { pull, upTo: new Map([[1, upTo]]), last: Infinity, concerns: ANY_CHANNEL, ...rest };
}

interface Given extends Pick<PassedGap, 'last' | 'concerns'> {
  readonly from: number;
  readonly upTo: number;
}

function arrival(number: number, other: Partial<NumberedArrival> = {}): NumberedArrival {
  const bytes = Buffer.alloc(0);
  return { lane: 1, number, sequence: number, channel: 'a', bytes, ...other };
}

describe('the gaps that later events have passed', () => {
  it('have the events behind their start up to their last numbers, on each lane', () => {
    const gaps = new PassedGaps();
    gaps.add(gap({ from: 3, upTo: 5 }));
    const numbers = [3, 4, 5, 6].map((number) => gaps.has(ORIGIN, arrival(number)));
    expect(numbers).toEqual([false, true, true, false]);
    expect(gaps.has(ORIGIN, arrival(4, { lane: 2 }))).toBe(false);
    expect(gaps.has('another', arrival(4))).toBe(false);
  });

  it('have no event with a later sequence, nor one on a channel that was heard', () => {
    const gaps = new PassedGaps();
    gaps.add(gap({ last: 4, concerns: [(channel) => channel === 'a'] }));
    expect(gaps.has(ORIGIN, arrival(4))).toBe(true);
    expect(gaps.has(ORIGIN, arrival(5))).toBe(false);
    expect(gaps.has(ORIGIN, arrival(4, { channel: 'b' }))).toBe(false);
  });

  it('replace one of the same pull, and are the last sixteen', () => {
    const gaps = new PassedGaps();
    const first = gap({ upTo: 1 });
    gaps.add(first);
    gaps.add({ ...first, upTo: new Map([[1, 2]]) });
    for (let n = 2; n < 17; n++) gaps.add(gap({ from: n, upTo: n + 1 }));
    expect(gaps.has(ORIGIN, arrival(2))).toBe(true);
    gaps.add(gap({ from: 17, upTo: 18 }));
    expect(gaps.has(ORIGIN, arrival(2))).toBe(false);
    expect(gaps.has(ORIGIN, arrival(18))).toBe(true);
  });

  it('are forgotten with their instance', () => {
    const gaps = new PassedGaps();
    gaps.add(gap());
    gaps.forget(ORIGIN);
    expect(gaps.has(ORIGIN, arrival(1))).toBe(false);
  });
});
