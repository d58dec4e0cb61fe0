// @ts-check

/** Every file of the package. The package check refuses any other. */
export const CONTENTS = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'bin/nestjs-redis-propagator.mjs',
  'dist/index.cjs',
  'dist/index.d.cts',
  'dist/index.d.ts',
  'dist/index.js',
  'dist/load.cjs',
  'dist/peers.cjs',
  'dist/peers.js',
  'dist/shared.cjs',
  'dist/shared.d.cts',
  'dist/testing.cjs',
  'dist/testing.d.cts',
  'dist/testing.d.ts',
  'dist/testing.js',
  'package.json',
];

/** The limit of the unpacked package. It was 3.9 MB once. */
export const MAX_BYTES = 700_000;
