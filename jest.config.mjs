import { availableParallelism } from 'node:os';

/** ESM-only packages that Jest must turn into CommonJS. */
const esmPackages = [
  '@nestjs',
  'file-type',
  'strtok3',
  'token-types',
  '@tokenizer',
  'uint8array-extras',
  '@borewit',
  'jose',
  'arktype',
  'arkregex',
  '@ark',
  'typebox',
];

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  // It takes a processor for itself, and has a script of its own: `npm run test:leaks`.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/leaks/'],
  // Only what hangs takes as long. A busy machine needs a minute to start and end several processes.
  testTimeout: 120_000,
  // More than there are processors: most of the time a test waits for something.
  maxWorkers: 2 * availableParallelism(),
  // On a busy machine even a worker without open handles takes more than the default of half a second to end.
  workerGracefulExitTimeout: 10_000,
  globalSetup: '<rootDir>/test/redis-global-setup.mjs',
  globalTeardown: '<rootDir>/test/redis-global-teardown.mjs',
  reporters: ['default', '<rootDir>/test/progress-reporter.mjs'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'commonjs' },
      },
    ],
    '^.+\\.m?js$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'ecmascript' } }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmPackages.join('|')})/)`],
  testSequencer: '<rootDir>/test/slowest-first.cjs',
  resolver: '<rootDir>/test/resolver.cjs',
  runtime: '<rootDir>/test/jest-runtime.cjs',
  // All specs import them from @jest/globals. Otherwise each module gets an object of its own.
  injectGlobals: false,
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', '!src/**/index.ts'],
  coverageReporters: [['text', { skipFull: true }], 'text-summary'],
  // Judged by `npm run test:coverage`, which takes twice as long as `npm test`.
  coverageThreshold: { global: { lines: 95 } },
};
