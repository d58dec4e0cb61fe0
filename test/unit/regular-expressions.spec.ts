import { describe, expect, it } from '@jest/globals';
import { shown } from '../../src/options/checks.js';
import { roomName } from '../../src/routing/room-names.js';
import { reasonOf } from '../../src/errors.js';
import { lineLogger } from '../../src/reporting/line-logger.js';
import { normalisedSessionId } from '../../src/auth/session-id.js';
import { tokenIn } from '../../src/auth/token.js';
import { normalisedUserId } from '../../src/auth/user-id.js';
import { fit, literalOf, textOf } from '../../src/text.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { expressionsOf, worstInputs } from '../support/worst-inputs.js';

/**
 * Linear work on 1 MB takes some milliseconds, quadratic work takes minutes. The remaining time is for a busy
 * machine.
 */
const MAX_MS = 150;
/** On the last one only those inputs are tried that took a while on the one before: quadratic work on it takes 50 ms. */
const LENGTHS = [1_000, 10_000, 100_000] as const;
const NOTICEABLE_MS = 1;
const TRIES = 5;
/** The worst inputs of 1 MB, for each expression. */
const INPUTS = 5;
const HOPELESS_MS = 10 * MAX_MS;

/** The shortest of several measurements: other load of the machine is no fault of the expression. */
function msOf(work: () => unknown, tries = TRIES): number {
  let best = MAX_MS + 1;
  for (let time = 0; time < tries && best > MAX_MS && best < HOPELESS_MS; time++) {
    const startedAt = performance.now();
    work();
    const ms = performance.now() - startedAt;
    best = time === 0 ? ms : Math.min(best, ms);
  }
  return best;
}

/** The beginning of the first input that takes too long. */
function slowInput(
  expression: RegExp,
  [short, medium, long]: readonly [number, number, number] = LENGTHS,
  tries?: number,
): string | undefined {
  for (const inputOf of worstInputs(expression)) {
    const msAt = (length: number): number => {
      const input = inputOf(length);
      return msOf(() => input.replace(expression, ''), tries);
    };
    const isSlow = msAt(short) > MAX_MS || (msAt(medium) > NOTICEABLE_MS && msAt(long) > MAX_MS);
    if (isSlow) return inputOf(20);
  }
  return undefined;
}

const { literals, made } = expressionsOf('src');

let long: string[] | undefined;

/** The worst inputs of 1 MB for the expressions of src. Several expressions have some of them in common. */
function longInputs(): string[] {
  if (long !== undefined) return long;
  const inputs = new Map<string, string>();
  for (const { expression } of literals) {
    for (const inputOf of [...worstInputs(expression)].slice(0, INPUTS)) {
      const beginning = inputOf(100);
      if (!inputs.has(beginning)) inputs.set(beginning, inputOf(1_000_000));
    }
  }
  return (long = [...inputs.values()]);
}

describe('the regular expressions of src', () => {
  it('are all found, and none is created while the app runs', () => {
    expect(literals.length).toBeGreaterThan(15);
    expect(made).toEqual([]);
  });

  it.each(literals.map(({ place, expression }) => [place, expression] as const))(
    '%s needs time that grows no faster than its input: %s',
    (_, expression) => {
      expect(slowInput(expression)).toBeUndefined();
    },
  );

  it('would fail this test if one were quadratic', () => {
    for (const expression of [/([?&])([^=&]*)=([^&]*)/g, /\s+$/]) {
      const slow = slowInput(expression, [1_000, 5_000, 20_000], 1) !== undefined;
      expect({ expression, slow }).toEqual({ expression, slow: true });
    }
  });
});

describe('code that processes text from clients or from Redis', () => {
  const logger = lineLogger(new MemoryLogger());
  const readers: Record<string, (text: string) => unknown> = {
    shown,
    fit,
    textOf,
    literalOf,
    reasonOf: (text) => reasonOf(new Error(text)),
    'shown of an object': (text) => shown({ [text]: text, list: [text] }),
    'the log': (text) => logger.warn(text),
    roomName,
    normalisedUserId,
    normalisedSessionId,
    tokenIn: (token) => tokenIn({ token }),
  };

  it.each(Object.keys(readers))('%s takes 1 MB of the worst input in a moment', (name) => {
    const read = readers[name] as (text: string) => unknown;
    const slow = longInputs().filter((input) => msOf(() => read(input)) > MAX_MS);
    expect(slow.map((input) => input.slice(0, 20))).toEqual([]);
  });
});
