import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Timing } from '../../support/presence/presence-facts.js';
import { ProcessCluster } from '../../support/presence/process-cluster.js';
import { processSteps } from '../../support/presence/process-steps.js';
import { playHistories } from '../../support/presence/property-runs.js';

// Random histories of instances in processes that are killed, frozen and closed, with clients and a Redis that
// loses its data, and the expected reports: support/presence/judge-presence.ts. To replay a failure:
// support/presence/property-runs.ts.

/** Long enough for a busy machine. */
const TIMING: Timing = { graceMs: 80, leaseMs: 1_000, heartbeatMs: 100, promptMs: 250 };
const SLOTS = 3;
const USERS = 4;
const STEPS = 40;
const HOW_MUCH = { quick: 2, thorough: 8 };

describe('presence of instances in processes', () => {
  let cluster: ProcessCluster;
  let played = 0;
  beforeAll(async () => {
    cluster = await ProcessCluster.start(TIMING, SLOTS);
  });
  afterAll(() => cluster.discard());

  const play = async (history: Iterable<fc.AsyncCommand<ProcessCluster, ProcessCluster>>) => {
    const number = played++;
    cluster.begin(Array.from({ length: USERS }, (_, user) => `user-${number}-${user}`));
    try {
      await fc.asyncModelRun(() => ({ model: cluster, real: cluster }), history);
      await cluster.rest();
      await cluster.end();
    } catch (error) {
      // The next history starts from an empty state, whatever the current one is.
      await cluster.discard();
      cluster = await ProcessCluster.start(TIMING, SLOTS);
      throw error;
    }
  };

  it('reports what happened, and each change once', async () => {
    const steps = processSteps({ slots: SLOTS, users: USERS, ...TIMING });
    const histories = fc.commands([steps], { maxCommands: STEPS, size: 'max' });
    expect(await playHistories(histories, HOW_MUCH, play)).toBeGreaterThan(0);
  }, 3_600_000);
});
