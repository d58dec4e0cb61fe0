import { WebSocketGateway } from '@nestjs/websockets';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startOwnRedis, type RunningRedis } from '../support/own-redis.js';
import { Outside } from '../support/outside.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@WebSocketGateway()
class RootGateway {}

describe('a Redis that refuses a command to the app', () => {
  let redis: RunningRedis;
  let outside: Outside;
  let cluster: TestCluster;
  beforeAll(async () => {
    redis = await startOwnRedis();
    outside = new Outside(redis.url);
  });
  afterAll(async () => {
    outside.close();
    await redis.stop();
  });
  afterEach(() => cluster.close());

  const start = async (...rules: string[]): Promise<void> => {
    await outside.redis.acl('SETUSER', 'app', 'reset', 'on', '>pw', '~*', '+@all', ...rules);
    const url = new URL(redis.url);
    url.username = 'app';
    url.password = 'pw';
    cluster = await givenCluster()
      .of(1)
      .with(RootGateway)
      .onRedis(url.href)
      .configured({ subscribeTimeoutMs: 50 })
      .start();
  };

  it('PUBLISH: the verb says which permission is missing, and local clients are served', async () => {
    await start('&*', '-publish');
    const instance = cluster.instance(0);
    const alice = await instance.connect({ token: 'alice' });

    await expect(
      instance.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 }),
    ).rejects.toMatchObject({
      code: 'redis.permission',
      message: expect.stringMatching(/Redis refused PUBLISH .*\+publish and .*&test-.*user:alice/),
    });

    await instance.served(alice);
    expect(alice.data('x')).toEqual([1]);
  });

  it('a channel: the app is degraded and says why, and clients are let in', async () => {
    await start('resetchannels');
    const instance = cluster.instance(0);

    const alice = await instance.connect({ token: 'alice' });
    await expect(instance.propagator.emitToAll({ event: 'x' })).rejects.toMatchObject({
      code: 'redis.permission',
    });

    expect(await alice.waitFor('x')).toHaveLength(1);
    expect(instance.redis.state).toBe('degraded');
    expect(cluster.logger.matching(/^warn Degraded.*\+subscribe and /)).toHaveLength(1);
  });
});
