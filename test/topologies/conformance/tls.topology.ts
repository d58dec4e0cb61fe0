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
