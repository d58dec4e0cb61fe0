import { afterEach, describe, expect, it } from '@jest/globals';
import { PresenceService, type RedisPropagatorOptions } from '../../../src/index.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { PresenceLog } from '../../support/presence-log.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

function presenceOf(instance: TestInstance): PresenceService {
  return instance.app.get(PresenceService);
}

describe.each(['Redis', 'memory'] as const)('presence in %s', (where) => {
  let cluster: TestCluster;
  let log: PresenceLog;
  afterEach(async () => {
    log.close();
    await cluster.close();
  });

  async function start(size: number, options: RedisPropagatorOptions = {}): Promise<void> {
    const builder = givenCluster().of(size).with(PlainGateway).configured(options);
    if (where === 'memory') builder.onInMemoryPubSub();
    cluster = await builder.start();
    log = new PresenceLog(...cluster.instances.map(presenceOf));
  }

  it('reports one online and one offline for devices on several instances', async () => {
    await start(3, { presence: { graceMs: 50 } });
    const [a, b, c] = cluster.instances.map(presenceOf) as [
      PresenceService,
      PresenceService,
      PresenceService,
    ];
    const devices = await Promise.all([
      cluster.instance(0).connect({ token: 'alice' }),
      cluster.instance(0).connect({ token: 'alice' }),
      cluster.instance(1).connect({ token: 'alice' }),
    ]);
    await log.reaches(1);
    await until(
      () => c.isOnline('alice'),
      () => 'alice is online',
    );
    expect(await c.areOnline(['alice', 'bob', 'alice'])).toEqual(
      new Map([
        ['alice', true],
        ['bob', false],
      ]),
    );
    expect(await c.count()).toBe(1);
    expect(await b.onlineUsers()).toEqual({ userIds: ['alice'], cursor: null });
    expect(await b.setStatus('alice', 'away')).toBe(true);
    expect(await a.statusOf('alice')).toBe('away');
    const before = Date.now();
    for (const device of devices) device.close();
    await log.reaches(3);
    expect(log.lines).toEqual(['online alice', 'alice is away', 'offline alice']);
    expect(await a.isOnline('alice')).toBe(false);
    expect(await c.statusOf('alice')).toBeNull();
    expect(await c.lastSeen('alice')).toBeGreaterThanOrEqual(before);
    expect(await a.count()).toBe(0);
  });
});
