import base from '../../../jest.config.mjs';

/**
 * Two people and a browser each, at two instances of the chat: `npm test`.
 *
 * @type {import('jest').Config}
 */
export default {
  ...base,
  // The tools and helpers of the library's tests are used here, too.
  rootDir: '../../..',
  roots: ['<rootDir>/examples/chat/test'],
  testPathIgnorePatterns: ['/node_modules/'],
  globalSetup: '<rootDir>/examples/chat/test/support/global-setup.mjs',
  // Each has a browser and two instances at its side.
  maxWorkers: 2,
  testTimeout: 120_000,
};
