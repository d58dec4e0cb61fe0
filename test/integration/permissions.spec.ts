import { WebSocketGateway } from '@nestjs/websockets';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startOwnRedis, type RunningRedis } from '../support/own-redis.js';
import { ExternalClient } from '../support/external-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

@WebSocketGateway()
class RootGateway {}

describe('a Redis that refuses a command of the app', () => {
  let redis: RunningRedis;
  let external: ExternalClient;
  let cluster: TestCluster | undefined;
  beforeAll(async () => {
    redis = await startOwnRedis();
    external = new ExternalClient(redis.url);
  });
  afterAll(async () => {
    external.close();
    await redis.stop();
  });
  afterEach(async () => {
    await cluster?.close();
    cluster = undefined;
  });

  const allow = (...rules: string[]) =>
    external.redis.acl('SETUSER', 'app', 'reset', 'on', '>pw', '~*', '+@all', ...rules);
  const start = async (): Promise<TestCluster> => {
    const url = new URL(redis.url);
    url.username = 'app';
    url.password = 'pw';
    const options = { subscribeTimeoutMs: 50 };
    cluster = await givenCluster()
      .of(1)
      .with(RootGateway)
      .onRedis(url.href)
      .configured(options)
      .start();
    return cluster;
  };

  it.each<[what: string, rules: string[], permission: RegExp]>([
    ['to publish', ['&*', '-publish'], /Redis refused PUBLISH .*\+publish/],
    ['to subscribe', ['&*', '-subscribe'], /Redis refused SUBSCRIBE .*\+subscribe/],
    ['its channels', ['resetchannels', '&other:*'], /&test-/],
  ])(
    'prevents the start, with an error that names the missing permission: %s',
    async (_what, rules, permission) => {
      await allow(...rules);

      await expect(start()).rejects.toMatchObject({
        name: 'PropagatorError',
        code: 'redis.permission',
        message: expect.stringMatching(permission),
      });
    },
  );

  it('later on makes the verbs name it, and clients of this instance are served', async () => {
    await allow('&*');
    const instance = (await start()).instance(0);
    const alice = await instance.connect({ token: 'alice' });

    await allow('&*', '-publish');

    await expect(
      instance.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 }),
    ).rejects.toMatchObject({
      code: 'redis.permission',
      message: expect.stringMatching(/Redis refused PUBLISH .*\+publish and .*&test-.*user:alice/),
    });
    await instance.served(alice);
    expect(alice.data('x')).toEqual([1]);
  });

  it('later on causes a degraded state that names the reason, and clients still connect', async () => {
    await allow('&*');
    const { logger, instances } = await start();
    const [instance] = instances;

    await allow('&other:*');
    await until(
      () => logger.matching(/^warn Degraded/).length > 0,
      () => 'the state "degraded"',
    );

    const alice = await instance?.connect({ token: 'alice' });
    await expect(instance?.propagator.emitToAll({ event: 'x', data: 1 })).rejects.toMatchObject({
      code: 'redis.permission',
    });
    expect(await alice?.waitFor('x')).toEqual([1]);
    expect(instance?.redis.state).toBe('degraded');
    await until(
      () => logger.matching(/^warn subscribe\.refused: .*\+subscribe and .*&test-/).length > 0,
      () => 'the reason',
    );
  });
});
