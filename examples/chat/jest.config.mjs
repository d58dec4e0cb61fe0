import base from './jest.config.mjs';

/**
 * Two people and a browser each, at two instances of examples/chat: `npm run test:browser`.
 *
 * @type {import('jest').Config}
 */
export default {
  ...base,
  roots: ['<rootDir>/test/browser'],
  testPathIgnorePatterns: ['/node_modules/'],
  globalSetup: '<rootDir>/test/browser/support/global-setup.mjs',
  // Each has a browser and two instances at its side.
  maxWorkers: 2,
  testTimeout: 120_000,
};
