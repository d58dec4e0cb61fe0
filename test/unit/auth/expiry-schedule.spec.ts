import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Reporter } from '../../../src/reporting/reporter.js';
import { ExpirySchedule, type Scheduled } from '../../../src/auth/expiry-schedule.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const START = Date.UTC(2030, 0, 1) + 250;
const DAY_MS = 86_400_000;

interface Entry extends Scheduled {
  readonly name: string | number;
}

const entry = (name: string | number): Entry => ({ name, second: undefined });

describe('the schedule of expiries', () => {
  let fired: { name: string | number; at: number }[];
  let reporter: Reporter;
  let schedule: ExpirySchedule<Entry>;
  /** What the callback does when an entry is due, in addition to recording it. */
  let act: (due: Entry) => void;
  beforeEach(() => {
    jest.useFakeTimers({ now: START });
    fired = [];
    act = () => {};
    reporter = new Reporter(new MemoryLogger());
    schedule = new ExpirySchedule((due) => {
      fired.push({ name: due.name, at: Date.now() - START });
      act(due);
    }, reporter);
  });
  afterEach(() => {
    schedule.close();
    jest.useRealTimers();
  });

  const names = () => fired.map(({ name }) => name);

  it.each([0, 1, 499, 749, 750, 751, 999, 1_000, 61_234, 3_600_000, DAY_MS])(
    'calls back %d ms from now: never early, and at most a second late',
    (inMs) => {
      schedule.set(entry('a'), START + inMs);
      jest.advanceTimersByTime(inMs + 1_000);
      expect(names()).toEqual(['a']);
      expect(fired[0]?.at).toBeGreaterThanOrEqual(inMs);
      expect(fired[0]?.at).toBeLessThanOrEqual(inMs + 1_000);
      expect(schedule.size).toBe(0);
      expect(jest.getTimerCount()).toBe(0);
    },
  );

  it('has one timer for any number of entries, and none without entries', () => {
    const entries = Array.from({ length: 100_000 }, (_, index) => entry(index));
    const counts = new Set<number>();
    for (const each of entries) {
      schedule.set(each, START + ((each.name as number) % 3_600) * 1_000);
      counts.add(jest.getTimerCount());
    }
    expect([...counts]).toEqual([1]);
    expect(schedule.size).toBe(100_000);
    for (const each of entries) {
      if ((each.name as number) % 2 === 0) schedule.delete(each);
    }
    expect(schedule.size).toBe(50_000);

    jest.advanceTimersByTime(3_600_000);

    expect(fired).toHaveLength(50_000);
    expect(fired.every(({ name }) => (name as number) % 2 === 1)).toBe(true);
    expect(new Set(names()).size).toBe(50_000);
    expect(schedule.size).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('stops its timer when the last entry is removed, and keeps nothing of removed entries', () => {
    const [a, b] = [entry('a'), entry('b')];
    schedule.set(a, START + 1_000);
    schedule.set(b, START + 2_000);
    schedule.delete(a);
    schedule.delete(a);
    expect(jest.getTimerCount()).toBe(1);
    schedule.delete(b);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(DAY_MS);
    expect(fired).toEqual([]);
  });

  it('moves an entry that is set again', () => {
    const a = entry('a');
    schedule.set(a, START + 1_000);
    schedule.set(a, START + 5_000);
    expect(schedule.size).toBe(1);
    jest.advanceTimersByTime(4_000);
    expect(fired).toEqual([]);
    jest.advanceTimersByTime(2_000);
    expect(names()).toEqual(['a']);
  });

  it('does not drift', () => {
    const ends = Array.from({ length: 600 }, (_, index) => index * 1_000 + 900);
    for (const end of ends) schedule.set(entry(end), START + end);
    jest.advanceTimersByTime(601_000);
    // Each entry at the next whole second of the clock.
    expect(fired.map(({ at }) => at)).toEqual(ends.map((end) => end + 850));
  });

  it('skips no entry when the event loop is blocked or the clock jumps ahead', () => {
    for (const end of [1, 2, 3, 10, 3_600]) schedule.set(entry(end), START + end * 1_000);
    jest.setSystemTime(START + 5_000);
    jest.advanceTimersByTime(1_000);
    expect(names()).toEqual([1, 2, 3]);

    jest.setSystemTime(START + DAY_MS);
    jest.advanceTimersByTime(1_000);
    expect(names()).toEqual([1, 2, 3, 10, 3_600]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is right while the clock is set back, for old and new entries', () => {
    schedule.set(entry('done'), START + 1_000);
    schedule.set(entry('old'), START + 10_000);
    jest.advanceTimersByTime(5_000);
    expect(names()).toEqual(['done']);

    jest.setSystemTime(START - DAY_MS);
    schedule.set(entry('new'), START - DAY_MS + 3_000);
    jest.advanceTimersByTime(4_000);
    expect(names()).toEqual(['done', 'new']);
    jest.advanceTimersByTime(DAY_MS);
    expect(names()).toEqual(['done', 'new']);
    jest.advanceTimersByTime(10_000);
    expect(names()).toEqual(['done', 'new', 'old']);
  });

  it('calls back at the next turn for an entry that is already over', () => {
    schedule.set(entry('later'), START + 60_000);
    jest.advanceTimersByTime(10_000);
    schedule.set(entry('over'), START - DAY_MS);
    expect(fired).toEqual([]);
    jest.advanceTimersByTime(1_000);
    expect(names()).toEqual(['over']);
  });

  it('accepts entries that are set while others are due, whether they are over or not', () => {
    const second = entry('second');
    act = ({ name }) => {
      if (name === 'first') schedule.set(second, START);
    };
    schedule.set(entry('first'), START + 1_000);
    jest.advanceTimersByTime(3_000);
    expect(names()).toEqual(['first', 'second']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('leaves out an entry that is removed while others are due', () => {
    const [a, b] = [entry('a'), entry('b')];
    act = () => schedule.delete(b);
    schedule.set(a, START + 1_000);
    schedule.set(b, START + 1_000);
    jest.advanceTimersByTime(3_000);
    expect(names()).toEqual(['a']);
    expect(schedule.size).toBe(0);
  });

  it('yields to the event loop when thousands of entries are due at once, and then continues at once', () => {
    for (let index = 0; index < 2_500; index++) schedule.set(entry(index), START + 1_000);
    // Entries that become due meanwhile wait for their second.
    act = ({ name }) => {
      if (name === 0) schedule.set(entry('next'), Date.now() + 1);
    };
    jest.advanceTimersByTime(1_750);
    expect(fired).toHaveLength(1_000);
    jest.advanceTimersByTime(1);
    expect(fired).toHaveLength(2_000);
    jest.advanceTimersByTime(1);
    expect(fired).toHaveLength(2_500);
    jest.advanceTimersByTime(1_000);
    expect(fired).toHaveLength(2_501);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('continues with the other entries and later seconds if one callback throws', () => {
    act = ({ name }) => {
      if (name === 'bad') throw new Error('no');
    };
    schedule.set(entry('bad'), START + 1_000);
    schedule.set(entry('same second'), START + 1_000);
    schedule.set(entry('later'), START + 5_000);
    jest.advanceTimersByTime(7_000);
    expect(names()).toEqual(['bad', 'same second', 'later']);
    expect(reporter.counts()).toEqual({ 'listener.failed': 1 });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('calls back no more after it is closed', () => {
    const [a, b] = [entry('a'), entry('b')];
    schedule.set(a, START + 1_000);
    schedule.close();
    schedule.set(b, START + 1_000);
    schedule.delete(a);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(DAY_MS);
    expect(fired).toEqual([]);
    expect(schedule.size).toBe(0);
  });
});
