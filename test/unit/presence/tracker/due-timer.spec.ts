import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DueTimer } from '../../../../src/presence/tracker/due-timer.js';
import { Reporter } from '../../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../../support/memory-logger.js';
import { until } from '../../../support/until.js';

describe('one timer for many moments', () => {
  const due: string[] = [];
  const reporter = new Reporter(new MemoryLogger());
  const timer = new DueTimer<string>((key) => {
    due.push(key);
    if (key === 'bad') throw new Error('no');
  }, reporter);
  afterEach(() => {
    jest.restoreAllMocks();
    timer.clear();
    due.length = 0;
  });

  it('reports each key once, at the first requested time', async () => {
    timer.in(40, 'second');
    timer.in(10, 'first');
    timer.in(20, 'second');
    timer.in(60, 'first');
    await until(
      () => due.length >= 2,
      () => `both, got ${due.join()}`,
    );
    timer.in(0, 'third');
    await until(
      () => due.length >= 3,
      () => `the third one, got ${due.join()}`,
    );
    expect(due.toSorted()).toEqual(['first', 'second', 'third']);
  });

  it('continues with the others if one throws', async () => {
    timer.in(5, 'bad');
    timer.in(5, 'same moment');
    timer.in(30, 'later');
    await until(
      () => due.length >= 3,
      () => `all three, got ${due.join()}`,
    );
    expect(due).toEqual(['bad', 'same moment', 'later']);
    expect(reporter.counts()).toEqual({ 'presence.failed': 1 });
  });

  it('does not wait longer if the clock is set back', async () => {
    timer.in(10, 'due');
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 3_600_000);
    await until(
      () => due.length > 0,
      () => 'what is due',
    );
    expect(due).toEqual(['due']);
  });
});
