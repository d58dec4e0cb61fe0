import { describe, expect, it } from '@jest/globals';
import { problemsOf, simulate, type Figures } from '../../bench/simulation/simulate.js';

/** The time limit: the simulation never waits, so on a busy machine the test takes long. */
const BUSY_MS = 600_000;
const CALM_MS = 20_000;

/** Removes the real times, which depend on the machine. */
const virtual = (figures: Figures) => ({
  ...figures,
  tookMs: 0,
  load: { ...figures.load, cpuMs: 0 },
});

describe('the simulation of many instances', () => {
  it(
    'has the same figures with 10 and with 50 members, and none that is wrong',
    async () => {
      const few = await simulate({ members: 10, seed: 1, calmMs: CALM_MS });
      const many = await simulate({ members: 50, seed: 1, calmMs: CALM_MS });
      expect(problemsOf([few, many])).toEqual([]);
      expect(many.verdict.delivered).toBeGreaterThan(3_000);
    },
    BUSY_MS,
  );

  it('is the same with each run', async () => {
    const plan = { members: 5, seed: 7, calmMs: CALM_MS };
    expect(virtual(await simulate(plan))).toEqual(virtual(await simulate(plan)));
  });

  it('says what is wrong', async () => {
    const figures = await simulate({ members: 3, seed: 1, calmMs: CALM_MS });
    const { verdict, load } = figures;
    const wrong: Figures = {
      ...figures,
      falseLosses: 1,
      verdict: { ...verdict, lost: 2 },
      load: { ...load, messages: 10 * load.messages },
    };
    expect(problemsOf([figures, wrong]).map((each) => each.split(': ')[1])).toEqual([
      'messages to an instance',
      'members declared lost that lived',
      'events lost without a word',
    ]);
  });
});
