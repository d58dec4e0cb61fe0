import { afterEach, describe, expect, it } from '@jest/globals';
import { PresenceService } from '../../src/index.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

describe('with options of ioredis set by the app', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('numbers are numbers, whatever stringNumbers says', async () => {
    const { hostname: host, port } = new URL(testRedisUrl());
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured({ redis: { host, port: Number(port), stringNumbers: true }, presence: {} })
      .start();
    await cluster.instance(0).connect({ token: 'alice' });
    const { app, propagator } = cluster.instance(1);
    const presence = app.get(PresenceService);

    expect(await propagator.emitToUser({ userId: 'alice', event: 'x' })).toEqual({
      localSockets: 0,
      remoteInstances: 1,
      reached: true,
    });
    await until(
      async () => (await presence.count()) === 1,
      () => 'the count to be the number 1',
    );
    expect(await presence.isOnline('alice')).toBe(true);
  });
});
