import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { ProcessCluster } from '../../support/presence/process-cluster.js';
import { processSteps } from '../../support/presence/process-steps.js';
import type { Timing } from '../../support/presence/presence-facts.js';
import { playHistories } from '../../support/presence/property-runs.js';

const TIMING: Timing = { graceMs: 80, leaseMs: 600, heartbeatMs: 100, promptMs: 150 };
const SLOTS = 3;
const USERS = 4;
const STEPS = 40;
const RUNS = 5;

describe('presence of instances that are processes', () => {
  let cluster: ProcessCluster;
  let histories = 0;
  beforeAll(async () => {
    cluster = await ProcessCluster.start(TIMING, SLOTS);
  });
  afterAll(() => cluster.discard());

  it('is what happened, and each change was reported once', async () => {
    const steps = processSteps({ slots: SLOTS, users: USERS, ...TIMING });
    const played = playHistories(
      fc.commands([steps], { maxCommands: STEPS, size: 'max' }),
      RUNS,
      async (history) => {
        const name = `${(histories++).toString()}-`;
        cluster.begin(Array.from({ length: USERS }, (_, user) => `user-${name}${user}`));
        try {
          await fc.asyncModelRun(() => ({ model: cluster, real: cluster }), history);
          await cluster.rest();
          await cluster.end();
        } catch (error) {
          // Whatever it is in, the next history is to begin with nothing.
          await cluster.discard();
          cluster = await ProcessCluster.start(TIMING, SLOTS);
          throw error;
        }
      },
    );
    await expect(played).resolves.toBeUndefined();
  }, 3_600_000);
});
