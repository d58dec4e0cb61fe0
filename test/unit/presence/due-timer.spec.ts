import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DueTimer } from '../../../src/presence/due-timer.js';
import { until } from '../../support/until.js';

describe('a timer for many moments', () => {
  const due: string[] = [];
  const timer = new DueTimer<string>((key) => due.push(key));
  afterEach(() => {
    jest.restoreAllMocks();
    timer.clear();
    due.length = 0;
  });

  it('says each once, the first time that was asked for', async () => {
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

  it('does not wait longer where the clock is set back', async () => {
    timer.in(10, 'due');
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 3_600_000);
    await until(
      () => due.length > 0,
      () => 'what is due',
    );
    expect(due).toEqual(['due']);
  });
});
