import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { isBeyond, Positions, type OriginHeads } from '../../../src/repair/positions.js';

const record = (instanceId: string, ...heads: [lane: number, server: string, head: number][]) => ({
  instanceId,
  heads: heads.map(([lane, server, head]) => ({ lane, server, head, last: head })),
});

const shown = (positions: Positions, id: string) => Object.fromEntries(positions.of(id));

describe('positions', () => {
  let positions: Positions;
  beforeEach(() => {
    jest.useFakeTimers();
    positions = new Positions(60_000);
    positions.begin([record('a', [1, 'redis', 5])]);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('begin at the heads of those who are there, and at 0 for those who come later', () => {
    positions.read([record('b', [1, 'redis', 9])]);
    expect(shown(positions, 'a')).toEqual({ 1: 5 });
    expect(shown(positions, 'b')).toEqual({});
    expect(isBeyond(positions.lastsOf('b'), positions.of('b'))).toBe(true);
  });

  it('move to the heads that were read before the mark, once it is heard', () => {
    positions.read([record('a', [1, 'redis', 8])]);
    positions.mark('m', 'redis');
    positions.read([record('a', [1, 'redis', 12])]);
    expect(shown(positions, 'a')).toEqual({ 1: 5 });
    expect(positions.heard('m')).toBe(true);
    expect(shown(positions, 'a')).toEqual({ 1: 8 });
    expect(positions.heard('m')).toBe(false);
    expect(positions.heard('forged')).toBe(false);
  });

  it('move on the lanes of the server only that has taken the mark', () => {
    positions.read([
      record('a', [1, 'redis', 8], [2, 'other', 3]),
      record('b', [1, 'other', 4], [2, 'redis', 6]),
    ]);
    positions.mark('m', 'redis');
    positions.heard('m');
    expect([shown(positions, 'a'), shown(positions, 'b')]).toEqual([{ 1: 8 }, { 2: 6 }]);
    positions.mark('n', 'other');
    positions.heard('n');
    expect([shown(positions, 'a'), shown(positions, 'b')]).toEqual([
      { 1: 8, 2: 3 },
      { 1: 4, 2: 6 },
    ]);
  });

  it('do not move by a mark that was in flight when the connection was lost', () => {
    positions.read([record('a', [1, 'redis', 8])]);
    positions.mark('m', 'redis');
    positions.mark('n', 'other');
    positions.interrupted();
    expect(positions.heard('m')).toBe(false);
    expect(positions.heard('n')).toBe(false);
    expect(shown(positions, 'a')).toEqual({ 1: 5 });
  });

  it('move on lanes of servers that were left when their events were asked for, and on others by marks only', () => {
    positions.read([record('a', [1, 'old', 8], [2, 'redis', 4], [3, '', 2])]);
    positions.mark('m', 'old');
    positions.interrupted();
    positions.mark('n', 'redis');
    const all = new Map([
      [1, 8],
      [2, 4],
      [3, 2],
    ]);
    expect([...positions.unheard()]).toEqual(['a']);
    expect(positions.isProven('a', all)).toBe(false);
    positions.reached('a', all);
    expect(shown(positions, 'a')).toEqual({ 1: 8 });
    expect([...positions.unheard()]).toEqual([]);
    positions.heard('n');
    expect(shown(positions, 'a')).toEqual({ 1: 8, 2: 4 });
    expect(positions.isProven('a', all)).toBe(false);
    positions.read([record('a', [1, 'old', 8], [2, 'redis', 4], [3, '?', 2])]);
    expect(positions.isProven('a', all)).toBe(true);
  });

  it('move to what was read a while before, where messages have no order', () => {
    positions = new Positions(60_000, 2_000);
    positions.begin([]);
    for (let beat = 1; beat <= 3; beat++) {
      jest.advanceTimersByTime(1_500);
      positions.read([record('a', [1, 'redis', beat])]);
      positions.mark(`m${beat}`, 'redis');
      positions.heard(`m${beat}`);
    }
    expect(shown(positions, 'a')).toEqual({});
    jest.advanceTimersByTime(1_500);
    positions.read([record('a', [1, 'redis', 9])]);
    positions.mark('m', 'redis');
    positions.heard('m');
    expect(shown(positions, 'a')).toEqual({ 1: 2 });
  });

  it('do not move back when an earlier mark is heard after a later one', () => {
    positions.mark('m', 'redis');
    positions.read([record('a', [1, 'redis', 8])]);
    positions.mark('n', 'redis');
    expect(positions.heard('n')).toBe(true);
    expect(positions.heard('m')).toBe(false);
    expect(shown(positions, 'a')).toEqual({ 1: 8 });
  });

  it('are known for earlier moments, for a while', () => {
    const [begun] = [performance.now()];
    jest.advanceTimersByTime(1_000);
    positions.read([record('a', [1, 'redis', 8])]);
    positions.mark('m', 'redis');
    positions.heard('m');
    const at = (moment: number) => positions.at(moment)?.get('a')?.get(1);
    expect([at(begun - 1), at(begun), at(begun + 999), at(begun + 1_000)]).toEqual([
      undefined,
      5,
      5,
      8,
    ]);
    jest.advanceTimersByTime(61_000);
    positions.forget('a');
    // The second one was valid until a moment ago.
    expect([at(begun), at(begun + 50_000), at(performance.now())]).toEqual([
      undefined,
      8,
      undefined,
    ]);
    expect(shown(positions, 'a')).toEqual({});
  });

  it('are those of the lanes that the last record lists: an instance has a new lane for each of its connections', () => {
    for (let lane = 1; lane <= 2_000; lane++) {
      positions.read([record('a', [lane, 'redis', 4], [lane + 1, 'redis', 4])]);
      positions.mark('m', 'redis');
      positions.heard('m');
    }
    expect(shown(positions, 'a')).toEqual({ 2000: 4, 2001: 4 });
  });

  it('of an instance that publishes no more are those of the lanes that its record still lists', () => {
    const before = positions.all;
    positions.read([record('a', [2, 'redis', 0])]);
    expect(shown(positions, 'a')).toEqual({});
    expect(Object.fromEntries(before.get('a') ?? [])).toEqual({ 1: 5 });
  });

  it('are not proven on a lane that the last record does not list yet, nor moved there by a page', () => {
    positions.read([record('a', [2, 'old', 5])]);
    positions.mark('m', 'old');
    positions.interrupted();
    // Lane 1 was left long ago.
    expect(positions.isProven('a', new Map([[1, 9]]))).toBe(true);
    const page = new Map([
      [2, 2 ** 40],
      [3, 2 ** 40],
    ]);
    expect(positions.isProven('a', page)).toBe(false);
    positions.reached('a', page);
    expect(shown(positions, 'a')).toEqual({ 2: 5 });
  });

  it('of the past are few, however many instances move at the end of an outage', () => {
    const ids = Array.from({ length: 500 }, (_, number) => `b${number}`);
    positions.read(ids.map((id) => record(id, [1, 'old', 7])));
    positions.mark('m', 'old');
    positions.interrupted();
    const begun = performance.now();
    jest.advanceTimersByTime(1_000);
    for (const id of ids) positions.reached(id, new Map([[1, 7]]));
    expect(positions.all.size).toBe(501);
    expect(positions.at(begun)?.size).toBe(1);
    expect(positions.at(performance.now())?.size).toBe(501);
    expect((positions as unknown as { past: unknown[] }).past.length).toBeLessThan(5);
  });

  it('of marks that never come back need no memory', () => {
    for (let number = 0; number < 1_000; number++) positions.mark(`m${number}`, 'redis');
    expect(positions.heard('m0')).toBe(false);
    expect(positions.heard('m999')).toBe(true);
  });

  /** A server keeps one order: publishes, and marks of the instance that listens. */
  it('never claim an event that was not heard, whatever is lost and delayed', () => {
    type Step = 'publish' | 'acknowledge' | 'write' | 'read' | 'mark' | 'deliver' | 'cut' | 'join';
    const step = fc.constantFrom<Step>(
      'publish',
      'publish',
      'acknowledge',
      'write',
      'read',
      'mark',
      'deliver',
      'deliver',
      'cut',
      'join',
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const own = new Positions(60_000);
        own.begin([]);
        /** What the server has taken, and hands to the connection, if there is one. */
        let queue: (number | string)[] = [];
        let connected = true;
        let published = 0;
        let acknowledged = 0;
        let marks = 0;
        let written: OriginHeads = record('a', [1, 'redis', 0]);
        const heard = new Set<number>();
        const run: Record<Step, () => void> = {
          publish: () => {
            published++;
            if (connected) queue.push(published);
          },
          acknowledge: () => {
            acknowledged = published;
          },
          write: () => {
            written = record('a', [1, 'redis', acknowledged]);
          },
          read: () => own.read([written]),
          mark: () => {
            const nonce = `m${++marks}`;
            own.mark(nonce, 'redis');
            if (connected) queue.push(nonce);
          },
          deliver: () => {
            const next = queue.shift();
            if (typeof next === 'number') heard.add(next);
            else if (next !== undefined) own.heard(next);
          },
          cut: () => {
            queue = [];
            connected = false;
            own.interrupted();
          },
          join: () => {
            if (connected) return;
            connected = true;
            // What was missed is pulled from the position: here it counts as heard up to what is published.
            for (let number = 1; number <= published; number++) heard.add(number);
          },
        };
        for (const each of steps) {
          run[each]();
          const position = own.of('a').get(1) ?? 0;
          if (!connected) continue;
          for (let number = 1; number <= position; number++) expect(heard.has(number)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
