import { afterAll, beforeAll, describe, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Redis } from 'ioredis';
import { PublishedChanges } from '../../support/presence/published-changes.js';
import { SimulatedCluster } from '../../support/presence/simulated-cluster.js';
import { simulatedSteps } from '../../support/presence/simulated-steps.js';
import type { Timing } from '../../support/presence/presence-facts.js';
import { testRedisUrl } from '../../support/test-cluster.js';

const TIMING: Timing = { graceMs: 50, leaseMs: 300, heartbeatMs: 60, promptMs: 40 };
const SLOTS = 3;
const USERS = ['u1', 'u2', 'u3', 'u4'];
const LANES = Number(process.env['PRESENCE_LANES'] ?? 8);
const RUNS = Number(process.env['PRESENCE_RUNS'] ?? 10);
const SEED = Number(process.env['PRESENCE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe('presence under faults', () => {
  let redis: Redis;
  let published: PublishedChanges;
  beforeAll(async () => {
    redis = new Redis(testRedisUrl());
    redis.setMaxListeners(0);
    published = await PublishedChanges.on(redis);
  });
  afterAll(() => {
    published.close();
    redis.disconnect();
  });

  it('agrees with what happened', async () => {
    let played = 0;
    let stepsPlayed = 0;
    const property = fc.asyncProperty(
      fc.commands([simulatedSteps({ slots: SLOTS, users: USERS, ...TIMING })], {
        maxCommands: 80,
        size: 'max',
      }),
      async (commands) => {
        const cluster = new SimulatedCluster(redis, published, TIMING, USERS, SLOTS);
        try {
          for (let slot = 0; slot < SLOTS; slot++) await cluster.start(slot);
          await fc.asyncModelRun(() => ({ model: cluster, real: cluster }), commands);
          await cluster.rest();
          played++;
          stepsPlayed += [...commands].length;
        } finally {
          await cluster.discard();
        }
      },
    );
    const lanes = Array.from({ length: LANES }, (_, lane) =>
      fc.check(property, {
        seed: SEED + lane,
        numRuns: RUNS,
        endOnFailure: process.env['PRESENCE_SHRINK'] === undefined,
        ...(process.env['PRESENCE_PATH'] ? { path: process.env['PRESENCE_PATH'] } : {}),
      }),
    );
    const results = await Promise.all(lanes);
    const failures = results.filter((r) => r.failed);
    process.stderr.write(
      `played ${played} runs, ${stepsPlayed} steps, failed ${failures.length}\n`,
    );
    for (const { seed, counterexamplePath, counterexample, errorInstance } of failures) {
      process.stderr.write(
        `seed ${seed} path ${counterexamplePath}\n${String(counterexample)}\n${String(errorInstance)}\n\n`,
      );
    }
    if (failures.length) throw new Error('failed');
  }, 6_000_000);
});
