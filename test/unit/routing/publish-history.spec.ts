import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  PublishHistory,
  type HistoryPage,
  type HistoryQuestion,
} from '../../../src/routing/publish-history.js';

const TEN = Buffer.alloc(10);

const ALL = (): boolean => true;
/** Everything, on one page. */
const all = (recent: PublishHistory) =>
  recent.after({ from: new Map(), isWanted: ALL, maxBytes: Infinity }, new Map([[1, 0]]));
const numbers = (recent: PublishHistory) => all(recent).publishes.map(({ number }) => number);
const upTo = (...entries: [number, number][]) => new Map(entries);
const shown = ({ publishes }: HistoryPage) =>
  publishes.map(({ lane, number, channel }) => `${lane}/${number} ${channel}`);

function history(limits: { maxBytes?: number } = {}): PublishHistory {
  return new PublishHistory({ maxBytes: 10_000, maxAgeMs: 10_000, ...limits });
}

/** All pages, and the positions after each. */
function read(
  from: PublishHistory,
  question: Partial<HistoryQuestion>,
  last: Map<number, number>,
): HistoryPage[] {
  const pages: HistoryPage[] = [];
  const { isWanted = ALL } = question;
  let { from: positions = new Map() } = question;
  let cursor: number | undefined;
  do {
    const page = from.after({ from: positions, cursor, isWanted, maxBytes: 35 }, last);
    pages.push(page);
    positions = page.upTo;
    ({ cursor } = page);
  } while (cursor !== undefined);
  return pages;
}

const isA = (channel: string): boolean => channel === 'a';

describe('the publish history', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('returns the events that Redis took, and those in flight, for a time', () => {
    const recent = history();
    recent.taken(recent.add('a', TEN, 1, 1, 1));
    jest.advanceTimersByTime(9_000);
    recent.taken(recent.add('a', TEN, 2, 1, 2));
    recent.add('b', TEN, 3, 1, 3);
    expect(numbers(recent)).toEqual([1, 2, 3]);
    jest.advanceTimersByTime(2_000);
    expect(numbers(recent)).toEqual([2, 3]);
    expect(recent.forgotten.sequence).toBe(1);
    jest.advanceTimersByTime(20_000);
    expect(numbers(recent)).toEqual([3]);
  });

  it('leaves out events that failed', () => {
    const recent = history();
    const [first, second] = [recent.add('a', TEN, 1, 1, 1), recent.add('a', TEN, 2, 1, 2)];
    recent.drop(first);
    recent.drop(first);
    recent.taken(second);
    expect(numbers(recent)).toEqual([2]);
    expect([recent.size, recent.bytes, recent.forgotten.sequence]).toEqual([1, 10, 0]);
    jest.advanceTimersByTime(20_000);
    expect(numbers(recent)).toEqual([]);
    expect([recent.size, recent.bytes, recent.forgotten.sequence]).toEqual([0, 0, 2]);
  });

  it('lets go of an event in flight for good, though Redis takes it later', () => {
    const recent = history({ maxBytes: 10 });
    const first = recent.add('a', TEN, 1, 1, 1);
    recent.taken(recent.add('a', TEN, 2, 1, 2));
    recent.taken(first);
    recent.drop(first);
    expect(numbers(recent)).toEqual([2]);
    expect([recent.size, recent.bytes]).toEqual([1, 10]);
    recent.clear();
    recent.taken(first);
    expect(numbers(recent)).toEqual([]);
  });

  it('is bounded by bytes, and reports events that it dropped', () => {
    const recent = history({ maxBytes: 30 });
    for (let number = 1; number <= 5; number++) {
      recent.taken(recent.add('a', TEN, number, 1, number));
    }
    expect(recent.bytes).toBe(30);
    expect(numbers(recent)).toEqual([3, 4, 5]);
    expect(all(recent).evicted).toEqual(upTo([1, 2]));
    expect(recent.forgotten.sequence).toBe(2);
  });

  it('reports the highest number that it dropped, even if a lower one was sent later', () => {
    const recent = history({ maxBytes: 10 });
    for (const [i, sequence] of [2, 3, 1, 4].entries()) {
      recent.taken(recent.add('a', TEN, sequence, 1, i + 1));
    }
    expect(numbers(recent)).toEqual([4]);
    expect(recent.forgotten.sequence).toBe(3);
  });

  it('says what it dropped of a lane that was left, to those only who have a position on it', () => {
    const recent = history({ maxBytes: 10 });
    recent.taken(recent.add('a', TEN, 1, 1, 1));
    recent.taken(recent.add('a', TEN, 2, 1, 2));
    recent.taken(recent.add('a', TEN, 3, 2, 1));
    const evicted = (from: Map<number, number>, last: Map<number, number>) =>
      recent.after({ from, isWanted: ALL, maxBytes: 1_000 }, last).evicted;
    expect(evicted(new Map(), upTo([2, 1]))).toEqual(upTo());
    expect(evicted(new Map(), upTo([1, 2], [2, 1]))).toEqual(upTo([1, 2]));
    expect(evicted(upTo([1, 1]), upTo([2, 1]))).toEqual(upTo([1, 2]));
    expect(evicted(upTo([1, 2]), upTo([2, 1]))).toEqual(upTo());
    // Lane 1 began after those on which the asker has a position.
    expect(evicted(upTo([0, 3]), upTo([2, 1]))).toEqual(upTo([1, 2]));
  });

  it('stays within its bounds over many events', () => {
    const recent = new PublishHistory({ maxBytes: 1_000, maxAgeMs: 10_000 });
    for (let number = 1; number <= 10_000; number++) {
      const publish = recent.add('a', TEN, number, 1, number);
      if (number % 3 === 0) recent.drop(publish);
      else recent.taken(publish);
    }
    expect([recent.size, recent.bytes]).toEqual([100, 1_000]);
    expect(numbers(recent).at(-1)).toBe(10_000);
    recent.clear();
    expect([recent.size, recent.bytes]).toEqual([0, 0]);
  });

  it('returns the published bytes, even after the Buffer was reused and older events were dropped', () => {
    const recent = new PublishHistory({ maxBytes: 1_000_000, maxAgeMs: 10_000 });
    const sizes = [1, 100, 70_000, 131_072, 131_073, 300_000, 5_000];
    for (let number = 1; number <= 400; number++) {
      const bytes = Buffer.alloc(sizes[number % sizes.length] ?? 0, number % 251);
      const publish = recent.add('a', bytes, number, 1, number);
      // Large envelopes are not copied: nothing writes to a published envelope.
      if (bytes.length <= 131_072) bytes.fill(0xff);
      if (number % 11 === 0) recent.drop(publish);
      else recent.taken(publish);
    }
    const { publishes } = all(recent);
    expect(publishes.length).toBeGreaterThan(5);
    for (const { number, bytes } of publishes) {
      expect(bytes).toHaveLength(sizes[number % sizes.length] ?? 0);
      expect(bytes.every((byte) => byte === number % 251)).toBe(true);
    }
    expect(recent.bytes).toBe(publishes.reduce((sum, { bytes }) => sum + bytes.length, 0));
  });

  it('reuses its memory', () => {
    const recent = new PublishHistory({ maxBytes: 1_000_000, maxAgeMs: 10_000 });
    const Memory = SharedArrayBuffer;
    const made = jest.spyOn(globalThis, 'SharedArrayBuffer');
    made.mockImplementation((bytes) => new Memory(bytes));
    for (let number = 1; number <= 20_000; number++) {
      recent.taken(recent.add('a', Buffer.alloc(2_000), number, 1, number));
    }
    // 40 MB passed through it.
    const blocks = made.mock.calls.length;
    made.mockRestore();
    expect(blocks).toBeGreaterThan(0);
    expect(blocks).toBeLessThan(8);
  });

  describe('in pages', () => {
    it('returns what is after the positions, each once, and where the next page begins', () => {
      const kept = history();
      for (let number = 1; number <= 7; number++) kept.add('a', TEN, number, 1, number);
      const pages = read(kept, { from: upTo([1, 2]) }, upTo([1, 7]));
      expect(pages.map(shown)).toEqual([
        ['1/3 a', '1/4 a', '1/5 a'],
        ['1/6 a', '1/7 a'],
      ]);
      expect(pages.map((page) => page.upTo)).toEqual([upTo([1, 5]), upTo([1, 7])]);
      expect(read(kept, { from: upTo([1, 7]) }, upTo([1, 7])).map(shown)).toEqual([[]]);
    });

    it('passes what is not wanted, and goes up to numbers that were given to volatile events', () => {
      const kept = history();
      for (let number = 1; number <= 6; number++) {
        kept.add(number % 2 === 0 ? 'a' : 'b', TEN, number, 1, number);
      }
      const [page] = read(kept, { isWanted: isA }, upTo([1, 9]));
      expect(shown(page as HistoryPage)).toEqual(['1/2 a', '1/4 a', '1/6 a']);
      expect(page?.upTo).toEqual(upTo([1, 9]));
    });

    it('may end between two channels of one event', () => {
      const kept = history();
      kept.add('a', TEN, 1, 1, 1);
      for (const channel of ['a', 'b', 'c', 'd', 'e']) kept.add(channel, TEN, 2, 1, 2);
      const pages = read(kept, {}, upTo([1, 2]));
      expect(pages.map(shown)).toEqual([
        ['1/1 a', '1/2 a', '1/2 b'],
        ['1/2 c', '1/2 d', '1/2 e'],
      ]);
      expect(pages.map((page) => page.upTo)).toEqual([upTo([1, 1]), upTo([1, 2])]);
    });

    it('has one event that is larger than a page, and events of several lanes in the order of their publishes', () => {
      const kept = history();
      kept.add('a', Buffer.alloc(500), 1, 1, 1);
      kept.add('b', TEN, 2, 2, 1);
      kept.add('a', TEN, 3, 1, 2);
      const pages = read(kept, { from: upTo([2, 0]) }, upTo([1, 2], [2, 1]));
      expect(pages.map(shown)).toEqual([['1/1 a'], ['2/1 b', '1/2 a']]);
      expect(pages[1]?.upTo).toEqual(upTo([1, 2], [2, 1]));
    });

    it('says up to which number events are not kept any more, unless the asker has them', () => {
      const kept = history({ maxBytes: 30 });
      for (let number = 1; number <= 5; number++) kept.add('a', TEN, number, 1, number);
      expect(read(kept, {}, upTo([1, 5])).map(({ evicted }) => evicted)).toEqual([upTo([1, 2])]);
      const [known] = read(kept, { from: upTo([1, 2]) }, upTo([1, 5]));
      expect(known?.evicted).toEqual(upTo());
      expect(shown(known as HistoryPage)).toEqual(['1/3 a', '1/4 a', '1/5 a']);
    });

    it('goes on where events were let go of between two pages, and says which', () => {
      const kept = history({ maxBytes: 60 });
      for (let number = 1; number <= 6; number++) kept.add('a', TEN, number, 1, number);
      const question = { from: upTo(), isWanted: ALL, maxBytes: 25 };
      const first = kept.after(question, upTo([1, 6]));
      expect(shown(first)).toEqual(['1/1 a', '1/2 a']);
      for (let number = 7; number <= 10; number++) kept.add('a', TEN, number, 1, number);
      const second = kept.after(
        { ...question, from: first.upTo, cursor: first.cursor },
        upTo([1, 10]),
      );
      expect(second.evicted).toEqual(upTo([1, 4]));
      expect(shown(second)).toEqual(['1/5 a', '1/6 a']);
    });

    it('leaves out failed events', () => {
      const kept = history();
      kept.drop(kept.add('a', TEN, 2, 1, 1));
      kept.add('a', TEN, 3, 1, 2);
      expect(read(kept, {}, upTo([1, 2])).map(shown)).toEqual([['1/2 a']]);
    });
  });
});
