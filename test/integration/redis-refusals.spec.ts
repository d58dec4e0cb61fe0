import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { PresenceService } from '../../src/index.js';
import { startOwnRedis, type RunningRedis } from '../support/own-redis.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

@WebSocketGateway()
class RootGateway {}

describe('a Redis that is running and refuses', () => {
  let redis: RunningRedis;
  let cluster: TestCluster;
  let operators: Redis[];

  const start = async (args: string[] = []): Promise<Redis> => {
    redis = await startOwnRedis(args);
    operators = [];
    return operator();
  };
  const operator = (): Redis => {
    const client = new Redis(redis.url);
    client.on('error', () => {});
    operators.push(client);
    return client;
  };
  const instances = async (size: number): Promise<void> => {
    cluster = await givenCluster()
      .of(size)
      .with(RootGateway)
      .onRedis(redis.url)
      .configured({ heartbeatIntervalMs: 100, publishTimeoutMs: 300 })
      .start();
  };
  afterEach(async () => {
    await cluster.close();
    for (const client of operators) client.disconnect();
    await redis.stop();
  });

  it('everything while a script runs gets the events afterwards, once', async () => {
    const redisOfOperator = await start(['--lua-time-limit', '50']);
    await instances(2);
    const client = await cluster.instance(1).connect();
    const ended = operator()
      .eval('while true do end', 0)
      .then(undefined, (error: unknown) => error);
    await until(
      async () =>
        redisOfOperator.ping().then(
          () => false,
          (error: unknown) => String(error).includes('BUSY'),
        ),
      () => 'Redis to be busy',
    );

    const receipts = ['one', 'two'].map((data) =>
      cluster.instance(0).propagator.emitToAll({ event: 'x', data }),
    );
    expect(await Promise.all(receipts)).toMatchObject([{ queued: true }, { queued: true }]);
    await redisOfOperator.call('SCRIPT', 'KILL');
    await ended;

    await client.waitFor('x', 2);
    await cluster.settled(client);
    expect(client.data('x')).toEqual(['one', 'two']);
  });

  it('writes does not prevent the start of an app, which knows who is online as soon as writes are accepted', async () => {
    const redisOfOperator = await start();
    await redisOfOperator.config('SET', 'maxmemory', '1');
    await instances(1);
    await cluster.instance(0).connect({ token: 'alice' });
    const presence = cluster.instance(0).app.get(PresenceService);
    await until(
      () =>
        cluster.logger.matching(
          /^warn presence\.failed: Redis accepts no writes \(.*OOM.*presence is unknown.*Raise maxmemory/,
        ).length > 0,
      () => 'a line in the log',
    );

    await redisOfOperator.config('SET', 'maxmemory', '0');
    await until(
      () => presence.setStatus('alice', 'away').catch(() => false),
      () => 'alice to be online',
    );
    expect(await presence.statusOf('alice')).toBe('away');
  });
});
