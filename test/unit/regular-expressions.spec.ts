import { describe, expect, it } from '@jest/globals';
import { expressionsOf, worstInputs } from '../support/worst-inputs.js';

/** Linear work on 1 MB takes some milliseconds; quadratic work takes minutes. The rest is for a busy machine. */
const MAX_MS = 150;
const LENGTHS = [1_000, 10_000, 100_000];
const TRIES = 5;
const HOPELESS_MS = 10 * MAX_MS;

/** The shortest of some tries: a machine that does other things is no fault of the expression. */
function msOf(work: () => unknown): number {
  let best = MAX_MS + 1;
  for (let time = 0; time < TRIES && best > MAX_MS && best < HOPELESS_MS; time++) {
    const startedAt = performance.now();
    work();
    const ms = performance.now() - startedAt;
    best = time === 0 ? ms : Math.min(best, ms);
  }
  return best;
}

/** The beginning of the first input that takes too long. */
function slowInput(expression: RegExp, length: number): string | undefined {
  for (const input of worstInputs(expression, length)) {
    if (msOf(() => input.replace(expression, '')) > MAX_MS) return input.slice(0, 20);
  }
  return undefined;
}

const { literals, made } = expressionsOf('src');

describe('the regular expressions of src', () => {
  it('are found, and none is made while the app runs', () => {
    expect(literals.length).toBeGreaterThan(15);
    expect(made).toEqual([]);
  });

  it.each(literals.map(({ place, expression }) => [place, expression] as const))(
    '%s takes time that grows no faster than its input: %s',
    (_, expression) => {
      expect(LENGTHS.map((length) => slowInput(expression, length))).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    },
  );

  it('would be noticed if one were quadratic', () => {
    for (const expression of [/([?&])([^=&]*)=([^&]*)/g, /\s+$/]) {
      const slow = slowInput(expression, 20_000) !== undefined;
      expect({ expression, slow }).toEqual({ expression, slow: true });
    }
  });
});
