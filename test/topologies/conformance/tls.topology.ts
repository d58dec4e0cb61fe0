import { describe, expect, it } from '@jest/globals';
import { startTls } from '../../../scripts/redis/topologies/tls.mjs';
import type { RedisConnection } from '../../../src/index.js';
import { redisPubSub } from '../../support/redis-pub-sub.js';
import { itConforms } from '../support/conforms.js';
import { started } from '../support/started.js';

const server = started(startTls);

function create() {
  const { host, port, tls } = server();
  return redisPubSub({ redis: { host, port, tls } }).pubSub;
}

describe('RedisPubSub over TLS with a client certificate, as a PubSub,', () => {
  itConforms({ create });
});

describe('RedisPubSub over TLS', () => {
  it('accepts a URL together with certificates', async () => {
    const { host, port, tls } = server();
    const { pubSub } = redisPubSub({ redis: { url: `rediss://${host}:${port}`, tls } });
    try {
      await pubSub.connect();
      expect(pubSub.state).toBe('ready');
    } finally {
      await pubSub.close();
    }
  });

  it.each<[string, (at: string) => RedisConnection]>([
    ['a URL', (at) => `redis://${at}`],
    ['a Cluster', (at) => ({ nodes: [at] })],
  ])('is named as the mistake if it is missing: %s', async (_, redis) => {
    const { host, port } = server();
    const { pubSub, logger } = redisPubSub({
      redis: redis(`${host}:${port}`),
      connectTimeoutMs: 2_000,
    });
    try {
      await pubSub.connect();
      expect(logger.lines).toEqual([expect.stringMatching(/speaks TLS on this port.*rediss:/)]);
      expect(logger.lines.join()).not.toMatch(/retrying/i);
      const access = { channel: 'x', pattern: 'x' };
      await expect(pubSub.verifyAccess(access)).rejects.toMatchObject({ code: 'redis.tls' });
    } finally {
      await pubSub.close();
    }
  });

  it.each([
    ['without the certificate that the server asks for', { cert: undefined, key: undefined }],
    ['without the authority of the server', { ca: undefined }],
  ])('%s starts degraded, and closes', async (_, missing) => {
    const { host, port, tls } = server();
    const { pubSub, logger } = redisPubSub({ redis: { host, port, tls: { ...tls, ...missing } } });
    try {
      await pubSub.connect();
      expect(pubSub.state).toBe('degraded');
      // The message comes from OpenSSL, or from the socket that the server closed.
      expect(
        logger.matching(/^warn Degraded, Redis does not serve this instance \(.+\)/),
      ).toHaveLength(1);
    } finally {
      await pubSub.close();
    }
  });
});

describe('a certificate of Redis that the app does not accept', () => {
  const expired = started(() => startTls({ days: -1 }));
  const elsewhere = started(() => startTls({ names: 'DNS:redis.test' }));

  type Tls = ReturnType<typeof server>['tls'];
  it.each<[string, () => ReturnType<typeof server>, (tls: Tls) => Partial<Tls>, RegExp]>([
    [
      'of another authority',
      server,
      () => ({ ca: expired().tls.ca }),
      /\((?:unable to verify|self[- ]signed certificate).*Pass the certificate of its authority/,
    ],
    [
      'of no authority that Node knows',
      server,
      () => ({ ca: undefined }),
      /\((?:unable to verify|self[- ]signed certificate).*Pass the certificate of its authority/,
    ],
    [
      'that has expired',
      expired,
      (tls) => tls,
      /\(certificate has expired\)\. Renew the certificate/,
    ],
    [
      'for another host',
      elsewhere,
      (tls) => tls,
      /\(Hostname\/IP does not match.*127\.0\.0\.1.*\)\. Write a host that is in the certificate/,
    ],
  ])('%s fails the start, and the error names the reason and the remedy', async (...given) => {
    const [, redis, change, says] = given;
    const { host, port, tls } = redis();
    for (const connection of [
      { host, port, tls: { ...tls, ...change(tls) } },
      { nodes: [{ host, port }], options: { redisOptions: { tls: { ...tls, ...change(tls) } } } },
    ]) {
      const { pubSub, logger } = redisPubSub({ redis: connection });
      try {
        await pubSub.connect();
        expect(pubSub.state).toBe('degraded');
        const access = { channel: 'x', pattern: 'x' };
        await expect(pubSub.verifyAccess(access)).rejects.toMatchObject({
          code: 'redis.tls',
          message: expect.stringMatching(says),
        });
        expect(logger.lines).toEqual([
          expect.stringMatching(/^warn Degraded, Redis does not serve this instance \(.+\)/),
        ]);
        expect(logger.lines.join()).not.toMatch(/retrying/i);
      } finally {
        await pubSub.close();
      }
    }
  });

  it('for another host is accepted if the option tls names that host', async () => {
    const { host, port, tls } = elsewhere();
    const { pubSub, logger } = redisPubSub({
      redis: { host, port, tls: { ...tls, servername: 'redis.test' } },
    });
    try {
      await pubSub.connect();
      expect(logger.lines).toEqual(['log Connected to Redis.']);
    } finally {
      await pubSub.close();
    }
  });
});
