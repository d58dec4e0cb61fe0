import { expect, it } from '@jest/globals';
import { ChangedInternals } from '../../../src/reporting/changed-internals.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

it('changed private members of a package are reported once, whatever was reported of another package', () => {
  const logger = new MemoryLogger();
  const reporter = new Reporter(logger);
  const one = new ChangedInternals(reporter, () => 'one 1.0.0');
  const two = new ChangedInternals(reporter, () => 'two 2.0.0', 'Look for a newer one.');

  one.report([]);
  expect(one.isReported).toBe(false);
  for (const each of [one, two, one]) each.report(['A.b', 'C.d']);

  expect(one.isReported).toBe(true);
  expect(logger.lines).toEqual([
    expect.stringMatching(
      /^warn internals\.changed: one 1\.0\.0: not as expected: A\.b, C\.d\. Public paths/,
    ),
    'warn internals.changed: two 2.0.0: not as expected: A.b, C.d. Look for a newer one.',
  ]);
  expect(reporter.counts()).toEqual({ 'internals.changed': 2 });
});
