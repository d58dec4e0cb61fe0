import { describe, expect, it } from '@jest/globals';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { createTransport } from '../../../src/nest/create-transport.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { RedisPubSub } from '../../../src/redis/redis-pub-sub.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const ACCESS = { channel: 'app:probe', pattern: 'app:*' };

function transportOf(options: Parameters<typeof resolveOptions>[0]) {
  const logger = new MemoryLogger();
  return createTransport(resolveOptions(options, logger), new Reporter(logger));
}

describe('the transport of an app', () => {
  it("is the app's own, whose state stands for its connections, and which stays open", async () => {
    const pubSub = new InMemoryPubSub();
    const transport = transportOf({ pubSub });
    expect(transport).toMatchObject({ pubSub, clients: undefined });
    expect(transport.connections()).toEqual({ publisher: true, subscriber: true, control: true });
    expect(transport.redisVersion()).toBeNull();
    await transport.verifyAccess(ACCESS);
    await transport.close();
    expect(pubSub.state).toBe('ready');
    await pubSub.close();
    expect(transport.connections()).toEqual({
      publisher: false,
      subscriber: false,
      control: false,
    });
  });

  it('is Redis otherwise, with clients of its own, which it closes', async () => {
    const transport = transportOf({ redis: testRedisUrl() });
    const { clients, pubSub } = transport;
    expect(pubSub).toBeInstanceOf(RedisPubSub);
    expect(clients).toMatchObject({ owned: true, cluster: false });
    expect(transport.connections()).toEqual({
      publisher: false,
      subscriber: false,
      control: false,
    });
    await pubSub.connect();
    await transport.verifyAccess(ACCESS);
    expect(transport.connections()).toEqual({ publisher: true, subscriber: true, control: true });
    await until(
      () => transport.redisVersion() !== null,
      () => 'the version of Redis',
    );
    await transport.close();
    expect(pubSub.state).toBe('closed');
    await until(
      () => [clients?.publisher, clients?.subscriber].every((client) => client?.status === 'end'),
      () => 'the end of both clients',
    );
  });
});
