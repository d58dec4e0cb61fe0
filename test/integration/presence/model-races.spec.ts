import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Redis } from 'ioredis';
import type { Timing } from '../../support/presence/presence-facts.js';
import { playHistories } from '../../support/presence/property-runs.js';
import { PublishedChanges } from '../../support/presence/published-changes.js';
import { SimulatedCluster } from '../../support/presence/simulated-cluster.js';
import { simulatedSteps } from '../../support/presence/simulated-steps.js';
import { testRedisUrl } from '../../support/test-cluster.js';

// Random histories of instances in one process whose connections to Redis fail in all ways, with the expected
// reports: support/presence/judge-presence.ts. To replay a failure: support/presence/property-runs.ts.

/**
 * On a busy machine a turn of the event loop takes half a second. If each reply comes after the end of the lease,
 * nothing is ever processed.
 */
const TIMING: Timing = { graceMs: 80, leaseMs: 2_000, heartbeatMs: 150, promptMs: 250 };
const SLOTS = 3;
const USERS = ['u1', 'u2', 'u3', 'u4'];
const STEPS = 80;
const HOW_MUCH = { quick: 1, thorough: 10, lanes: 4 };

describe('presence over connections that fail', () => {
  let redis: Redis;
  let published: PublishedChanges;
  beforeAll(async () => {
    redis = new Redis(testRedisUrl());
    // Each instance subscribes to it.
    redis.setMaxListeners(0);
    published = await PublishedChanges.on(redis);
  });
  afterAll(() => {
    published.close();
    redis.disconnect();
  });

  const play = async (history: Iterable<fc.AsyncCommand<SimulatedCluster, SimulatedCluster>>) => {
    const cluster = new SimulatedCluster(redis, published, TIMING, USERS, SLOTS);
    try {
      for (let slot = 0; slot < SLOTS; slot++) await cluster.start(slot);
      await fc.asyncModelRun(() => ({ model: cluster, real: cluster }), history);
      await cluster.rest();
    } finally {
      await cluster.discard();
    }
  };

  it('reports what happened, and each change once', async () => {
    const steps = simulatedSteps({ slots: SLOTS, users: USERS, ...TIMING });
    const histories = fc.commands([steps], { maxCommands: STEPS, size: 'max' });
    expect(await playHistories(histories, HOW_MUCH, play)).toBeGreaterThan(0);
  }, 3_600_000);
});
