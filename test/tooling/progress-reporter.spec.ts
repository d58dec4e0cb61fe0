import { describe, expect, it } from '@jest/globals';
import { countLine, durationOf, progressLine } from '../progress-reporter.mjs';

describe('the progress reporter', () => {
  const none = {
    numPassedTests: 0,
    numFailedTests: 0,
    numRuntimeErrorTestSuites: 0,
    numPendingTests: 0,
    numTodoTests: 0,
  };

  it('ends with the numbers of passed and failed tests, and counts a file that cannot be run as a failure', () => {
    expect(countLine({ ...none, numPassedTests: 12 })).toBe('12 passed, 0 failed');
    expect(
      countLine({ ...none, numPassedTests: 1, numFailedTests: 2, numRuntimeErrorTestSuites: 1 }),
    ).toBe('1 passed, 3 failed');
    expect(countLine({ ...none, numPendingTests: 3, numTodoTests: 1 })).toBe(
      '0 passed, 0 failed, 4 skipped',
    );
  });

  it('names the files that are done, the time, and the files that failed', () => {
    expect(progressLine(0, 241, 0, 10_000)).toBe('0 of 241 test files done after 10 s');
    expect(progressLine(12, 241, 1, 70_000)).toBe(
      '12 of 241 test files done after 1 min 10 s, 1 of them failed',
    );
  });

  it('formats times for people', () => {
    expect([400, 59_000, 80_000].map(durationOf)).toEqual(['0 s', '59 s', '1 min 20 s']);
  });
});
