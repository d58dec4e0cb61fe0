import { describe, expect, it } from '@jest/globals';
import { startTls } from '../../../scripts/redis/topologies/tls.mjs';
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
  it.each([
    ['without the certificate that the server asks for', { cert: undefined, key: undefined }],
    ['without the authority of the server', { ca: undefined }],
  ])('%s starts degraded, and ends', async (_, missing) => {
    const { host, port, tls } = server();
    const { pubSub, logger } = redisPubSub({ redis: { host, port, tls: { ...tls, ...missing } } });
    try {
      await pubSub.connect();
      expect(pubSub.state).toBe('degraded');
      // The words are those of OpenSSL, or of the socket that the server closed.
      expect(
        logger.matching(/^warn Degraded, Redis does not serve this instance \(.+\)/),
      ).toHaveLength(1);
    } finally {
      await pubSub.close();
    }
  });
});
