import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

describe('Reporter', () => {
  let logger: MemoryLogger;
  let reporter: Reporter;

  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000 });
    logger = new MemoryLogger();
    reporter = new Reporter(logger);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const report = (kind: string, detail = 'detail') => reporter.report(kind, () => detail);

  it('logs the first report of a kind at once', () => {
    report('message.malformed', '12 bytes');
    expect(logger.lines).toEqual(['warn message.malformed: 12 bytes']);
  });

  it('logs a flood once a second, with the number of reports', () => {
    for (let ms = 0; ms < 3_000; ms++) {
      report('message.malformed', `at ${ms}`);
      jest.advanceTimersByTime(1);
    }
    expect(logger.lines).toEqual([
      'warn message.malformed: at 0',
      'warn message.malformed: at 1000 (and 999 more since the last line)',
      'warn message.malformed: at 2000 (and 999 more since the last line)',
    ]);
    expect(reporter.counts()).toEqual({ 'message.malformed': 3_000 });
  });

  it('keeps kinds apart', () => {
    for (const kind of ['a', 'b', 'a', 'c', 'b']) report(kind);
    expect(logger.lines).toEqual(['warn a: detail', 'warn b: detail', 'warn c: detail']);
    expect(reporter.counts()).toEqual({ a: 2, b: 2, c: 1 });
  });

  it('forgets a flood after logging it', () => {
    for (let time = 0; time < 5; time++) report('a');
    jest.advanceTimersByTime(1_000);
    report('a');
    jest.advanceTimersByTime(60_000);
    report('a');
    expect(logger.lines).toEqual([
      'warn a: detail',
      'warn a: detail (and 4 more since the last line)',
      'warn a: detail',
    ]);
  });

  it('does not format messages that are not logged', () => {
    const detail = jest.fn(() => 'detail');
    for (let time = 0; time < 100; time++) reporter.report('a', detail);
    expect(detail).toHaveBeenCalledTimes(1);
  });

  it('continues when the clock is set back', () => {
    report('a');
    jest.setSystemTime(500_000);
    report('a');
    report('a');
    expect(logger.lines).toHaveLength(2);
    expect(reporter.counts()).toEqual({ a: 3 });
  });

  it('counts without logging if asked to', () => {
    reporter.count('publish.failed');
    reporter.count('publish.failed');
    expect(reporter.counts()).toEqual({ 'publish.failed': 2 });
    expect(logger.lines).toEqual([]);
    report('publish.failed');
    expect(logger.lines).toEqual(['warn publish.failed: detail']);
  });

  it('logs only once if asked to, and continues counting', () => {
    for (let minute = 0; minute < 3; minute++) {
      reporter.once('request.unknown', () => `minute ${minute}`);
      jest.advanceTimersByTime(60_000);
    }
    expect(logger.lines).toEqual(['warn request.unknown: minute 0']);
    expect(reporter.counts()).toEqual({ 'request.unknown': 3 });
  });

  it('starts with all counters at zero', () => {
    expect(reporter.counts()).toEqual({});
  });
});
