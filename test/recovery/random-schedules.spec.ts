import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { sumOf } from '../support/delivery-record.mjs';
import {
  CLIENT_COUNT,
  HOST_COUNT,
  INSTANCE_COUNT,
  RandomStage,
  withoutFault,
  type Step,
} from './support/random-stage.js';

// Random schedules of faults, with clients that return, over real processes. Timing within a schedule depends on the
// machine, so a replay may need several attempts: RECOVERY_SEED and RECOVERY_RUNS in the environment.

const { RECOVERY_SEED = '20261130', RECOVERY_RUNS = '4' } = process.env;
const STEPS = 14;

const client = fc.nat({ max: CLIENT_COUNT - 1 });
const host = fc.nat({ max: HOST_COUNT - 1 });
const instance = fc.nat({ max: INSTANCE_COUNT - 1 });
const short = fc.integer({ min: 20, max: 400 });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('drop', 'standStill'), client }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('move'), client, to: host }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait'), ms: short }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('dropAll', 'drain', 'kill'), host }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('freeze'),
      instance: fc.nat({ max: INSTANCE_COUNT - 1 }),
      ms: fc.integer({ min: 100, max: 3_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restartRedis'), ms: short }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('endAll'),
      killed: fc.option(instance, { nil: undefined }),
    }),
  },
);

describe('clients that return, through random schedules of drops, moves, drains, crashes and outages', () => {
  let stage: RandomStage;
  beforeAll(async () => {
    stage = await RandomStage.start();
  }, 120_000);
  afterAll(() => stage.close());

  it('get each event once and in order, or a new connection', async () => {
    const schedule = fc.array(step, { minLength: STEPS / 2, maxLength: STEPS });
    let recovered = 0;
    const property = fc.asyncProperty(schedule, async (steps) => {
      const judgements = await stage.play(steps);
      recovered += sumOf(judgements).recovered;
      expect(judgements).toEqual(judgements.map((one) => withoutFault(one, steps)));
    });
    await fc.assert(property, {
      seed: Number(RECOVERY_SEED),
      numRuns: Number(RECOVERY_RUNS),
      // A shorter schedule takes as long, and may fail for another reason.
      endOnFailure: true,
    });
    // New connections alone would prove nothing.
    expect(recovered).toBeGreaterThan(0);
  }, 3_600_000);
});
