import base from './jest.config.mjs';

// Read by test/support/presence/property-runs.ts, in the workers of Jest.
process.env.THOROUGH_MODELS = '1';

/**
 * Presence against a model, with many more random histories than `npm test` plays: `npm run test:models`.
 *
 * @type {import('jest').Config}
 */
export default {
  ...base,
  roots: ['<rootDir>/test/integration/presence'],
  testMatch: ['**/model*.spec.ts'],
};
