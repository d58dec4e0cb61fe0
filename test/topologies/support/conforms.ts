import { expect, it } from '@jest/globals';
import { pubSubConformance, type ConformanceSubject } from '../../../src/testing/index.js';

/** The tests of the conformance suite. */
export function itConforms(subject: ConformanceSubject): void {
  for (const { title, run } of pubSubConformance(subject)) {
    it(`conforms: ${title}`, async () => {
      await expect(run()).resolves.toBeUndefined();
    });
  }
}
