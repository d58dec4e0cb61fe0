import base from '../../../jest.config.mjs';

/**
 * The built site in a Chromium: `npm run test:site`.
 *
 * @type {import('jest').Config}
 */
export default {
  ...base,
  rootDir: '../../..',
  roots: ['<rootDir>/docs/site/test'],
  // No test needs a Redis.
  globalSetup: undefined,
  globalTeardown: undefined,
};
