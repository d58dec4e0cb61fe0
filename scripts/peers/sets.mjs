// @ts-check

/**
 * @typedef {object} PeerSet
 * @property {string} name
 * @property {number | undefined} node a major version; undefined: the Node that runs this script
 * @property {Record<string, string> | 'locked'} versions of packages, replacing those of package.json, also for
 * other packages that need them; `locked`: the versions of package-lock.json
 * @property {string[]} [leftOut] test files, each with the reason next to it
 */

/** @param {string} version @param {{ config: string }} others packages of Nest with their own version numbers */
const nest = (version, { config }) => ({
  '@nestjs/common': version,
  '@nestjs/core': version,
  '@nestjs/jwt': version,
  '@nestjs/microservices': version,
  '@nestjs/platform-express': version,
  '@nestjs/platform-fastify': version,
  '@nestjs/platform-socket.io': version,
  '@nestjs/terminus': version,
  '@nestjs/testing': version,
  '@nestjs/websockets': version,
  '@nestjs/config': config,
});

/**
 * The suites run once with each of these sets, and once on each Node that package.json names.
 *
 * @type {readonly PeerSet[]}
 */
export const peerSets = [
  {
    name: 'oldest',
    node: undefined,
    // The gateways of these tests use `@Ack()`, which Nest 11.0 does not have; the set nest-11 runs them.
    leftOut: [
      'acks',
      'exceptions',
      'false-placeholders',
      'final-responses',
      'unsendable-responses',
    ].map((name) => `test/integration/${name}.spec.ts`),
    versions: {
      ...nest('11.0.0', { config: '4.0.0' }),
      'socket.io': '4.8.0',
      'socket.io-adapter': '2.5.5',
      'socket.io-parser': '4.2.4',
      'engine.io': '6.6.0',
      ws: '8.17.1',
      ioredis: '5.8.2',
      rxjs: '7.2.0',
      'reflect-metadata': '0.1.13',
      '@opentelemetry/api': '1.9.0',
    },
  },
  {
    name: 'nest-11',
    node: 22,
    versions: { ...nest('^11.0.0', { config: '^4.0.0' }), 'socket.io': '4.8.3', ioredis: '^5.8.2' },
  },
  { name: 'locked', node: 24, versions: 'locked' },
  {
    name: 'newest',
    node: 26,
    versions: {
      ...nest('^12.0.0', { config: '^12.0.0' }),
      'socket.io': '^4.8.0',
      'engine.io': '^6.6.0',
      ws: '^8.17.1',
      ioredis: '^6.0.0',
      rxjs: '^7.2.0',
    },
  },
];
