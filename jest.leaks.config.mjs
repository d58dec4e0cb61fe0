import base from './jest.config.mjs';

/**
 * Tests that thousands of clients, rooms and namespaces leave nothing behind: `npm run test:leaks`.
 *
 * @type {import('jest').Config}
 */
export default {
  ...base,
  roots: ['<rootDir>/test/leaks'],
  testPathIgnorePatterns: ['/node_modules/'],
};
