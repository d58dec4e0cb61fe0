import base from './jest.config.mjs';

/**
 * The tests against a Cluster, Sentinels, TLS and the like, each of real processes: `npm run test:topologies`.
 *
 * @type {import('jest').Config}
 */
export default {
  ...base,
  roots: ['<rootDir>/test/topologies'],
  testMatch: ['**/*.topology.ts'],
  // Failovers take the servers a few seconds each.
  testTimeout: 120_000,
};
