import { afterEach, describe, expect, it } from '@jest/globals';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

describe('the log of an instance', () => {
  let cluster: TestCluster;
  let redis: RunningRedis | undefined;
  afterEach(async () => {
    await cluster.close();
    await redis?.stop();
    redis = undefined;
  });

  it('has one line per change of state, from the start through an outage to the end', async () => {
    redis = await startOwnRedis();
    cluster = await givenCluster().of(1).with(PlainGateway).onRedis(redis.url).start();
    const instance = cluster.instance(0);
    const { lines } = cluster.logger;
    const states = (state: string) =>
      until(
        () => instance.redis.state === state,
        () => state,
      );
    const client = await instance.connect({ token: 'alice' });
    for (let i = 0; i < 20; i++) await instance.propagator.emitToAll({ event: 'x', data: i });
    await client.waitFor('x', 20);
    client.socket.disconnect();
    expect(lines).toEqual(['log Connected to Redis.']);

    await redis.kill();
    await states('degraded');
    // Events are sent meanwhile and kept.
    const user = await instance.connect({ token: 'bob' });
    const sent = Array.from({ length: 50 }, (_, data) =>
      instance.propagator.emitToUser({ userId: 'bob', event: 'y', data }),
    );
    await user.waitFor('y', 50);
    expect(lines.slice(1)).toEqual([
      expect.stringMatching(/^warn Degraded, Redis does not serve this instance \(.+\)/),
    ]);

    await redis.restart();
    await states('ready');
    await Promise.all(sent);
    await cluster.settled(user);
    expect(lines.filter((line) => line.startsWith('log '))).toEqual([
      'log Connected to Redis.',
      expect.stringMatching(/^log Redis is back after \d+ ms/),
    ]);
    // That Redis lost its presence data is logged separately.
    const others = () => lines.filter((line) => !line.includes('presence.lost'));
    expect(others()).toHaveLength(3);
    await instance.close();
    expect(others()).toHaveLength(3);
  });

  it('has no line at all in memory', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).onInMemoryPubSub().start();
    await cluster.instance(0).connect({ token: 'alice' });
    await cluster.instance(0).propagator.emitToAll({ event: 'x' });
    await cluster.close();
    expect(cluster.logger.lines).toEqual([]);
  });
});
