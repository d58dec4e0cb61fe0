import { afterEach, describe, expect, it } from '@jest/globals';
import { PresenceService, type RedisPropagatorOptions } from '../../../src/index.js';
import { InMemoryBus, InMemoryPubSub } from '../../../src/testing/index.js';
import { instanceIdOf } from '../../support/members.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import { PresenceLog } from '../../support/presence-log.js';
import { until } from '../../support/until.js';

/** Too long for a test to wait for. */
const LEASE_MS = 3_600_000;
const GRACE_MS = 400;

const close = (presence: PresenceCluster, instance: number): Promise<void> =>
  presence.cluster.instance(instance).close();

describe.each(['Redis', 'memory'] as const)('presence in %s, when an instance closes', (where) => {
  const started: PresenceCluster[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((each) => each.close()));
  });

  const bus = new InMemoryBus();
  const transport = (): RedisPropagatorOptions =>
    where === 'memory' ? { pubSub: new InMemoryPubSub(bus) } : {};
  const start = async (
    size: number,
    options: RedisPropagatorOptions = {},
  ): Promise<PresenceCluster> => {
    const presence = await PresenceCluster.start(where, size, () => ({
      presence: { leaseMs: LEASE_MS, graceMs: GRACE_MS },
      ...transport(),
      ...options,
    }));
    started.push(presence);
    return presence;
  };

  it('its users are offline soon, after the grace period, reported once by another instance', async () => {
    const presence = await start(2);
    for (const user of ['alice', 'bob', 'carol']) await presence.connect(0, user);
    await presence.connect(1, 'carol');
    await presence.settled();
    const closing = Date.now();
    await close(presence, 0);
    const closed = Date.now();
    await presence.reports(...Array<string>(5).fill(''));

    const offline = presence.log.changes.filter(({ type, userId }) => {
      return type === 'offline' && !userId.startsWith('fence');
    });
    expect(offline.map(({ userId }) => userId).toSorted()).toEqual(['alice', 'bob']);
    const other = instanceIdOf(presence.cluster.instance(1));
    for (const { at, instanceId } of offline) {
      expect(at).toBeGreaterThanOrEqual(closing + GRACE_MS);
      // If it takes as long to close as the grace period lasts, it may still report that itself.
      expect(at > closed ? instanceId : other).toBe(other);
    }
    expect(await presence.service(1).areOnline(['alice', 'carol'])).toEqual(
      new Map([
        ['alice', false],
        ['carol', true],
      ]),
    );
    expect(presence.lines.slice(0, 3).toSorted()).toEqual(
      ['online alice', 'online bob', 'online carol'].toSorted(),
    );
    expect(presence.lines).toHaveLength(5);
  });

  it('a user who had just left it is still reported', async () => {
    const presence = await start(2, { presence: { graceMs: 500 } });
    const device = await presence.connect(0, 'alice');
    await presence.isOnline('alice', true, 1);
    await device.closed();
    await close(presence, 0);
    await presence.reports('online alice', 'offline alice');
    expect(presence.lines).toEqual(['online alice', 'offline alice']);
  });

  it('a user who had just connected to it is still reported', async () => {
    const presence = await start(2);
    for (let index = 0; index < 20; index++) await presence.connect(0, `user-${index}`);
    await close(presence, 0);
    await presence.reports(...Array<string>(40).fill(''));

    for (let index = 0; index < 20; index++) {
      const own = presence.lines.filter((line) => line.endsWith(`user-${index}`));
      expect(own).toEqual([`online user-${index}`, `offline user-${index}`]);
    }
    await until(
      async () => (await presence.service(1).count()) === 0,
      () => 'nobody to be online',
    );
  });

  it('its users move to another instance without a change', async () => {
    const graceMs = 1_500;
    const presence = await start(2, { presence: { leaseMs: LEASE_MS, graceMs } });
    const users = Array.from({ length: 10 }, (_, index) => `user-${index}`);
    await Promise.all(users.map((user) => presence.connect(0, user)));
    await presence.reports(...users);
    const closing = Date.now();
    await close(presence, 0);
    await Promise.all(users.map((user) => presence.connect(1, user)));
    const areInTime = Date.now() < closing + graceMs;
    const last = await presence.connect(1, 'last');
    await last.closed();
    await presence.reports(...users, 'online last', 'offline last');

    // If the machine was frozen they had gone offline.
    if (!areInTime) return;
    expect(presence.lines.toSorted()).toEqual(
      [...users.map((user) => `online ${user}`), 'offline last', 'online last'].toSorted(),
    );
  });

  it('after the last one, the next one to start knows and reports the users who did not come back', async () => {
    const graceMs = 1_500;
    const first = await start(1, { presence: { leaseMs: LEASE_MS, graceMs } });
    const { prefix } = first.cluster;
    await first.connect(0, 'alice');
    await first.connect(0, 'bob');
    await first.reports('online alice', 'online bob');
    const closing = Date.now();
    await close(first, 0);

    const next = await start(1, { prefix, presence: { leaseMs: LEASE_MS, graceMs } });
    const count = await next.service(0).count();
    await next.connect(0, 'bob');
    // If the machine was frozen bob had gone offline, too.
    if (Date.now() >= closing + graceMs) return;
    expect(count).toBe(2);
    await next.reports('offline alice');
    const carol = await next.connect(0, 'carol');
    await carol.closed();
    await next.reports('offline alice', 'online carol', 'offline carol');

    expect(next.lines).toEqual(['offline alice', 'online carol', 'offline carol']);
    expect(await next.service(0).onlineUsers()).toEqual({ userIds: ['bob'], cursor: null });
    expect(first.lines.toSorted()).toEqual(['online alice', 'online bob']);
  });

  it('a worker without sockets answers queries and reports as well', async () => {
    const presence = await start(1);
    const worker = await presence.cluster.startWorkerWith({
      presence: { leaseMs: LEASE_MS, graceMs: GRACE_MS },
      ...transport(),
    });
    const service = worker.get(PresenceService);
    const log = new PresenceLog(service);
    await presence.connect(0, 'alice');
    await until(
      () => service.isOnline('alice'),
      () => 'alice to be online',
    );
    const closing = Date.now();
    await close(presence, 0);
    const closed = Date.now();
    const reported = () => [...presence.log.changes, ...log.changes];
    await until(
      () => reported().length >= 2,
      () => 'alice to be offline',
    );

    expect(reported().map(({ type }) => type)).toEqual(['online', 'offline']);
    const { at = 0 } = reported()[1] ?? {};
    expect(at).toBeGreaterThanOrEqual(closing + GRACE_MS);
    // As above.
    expect(at > closed ? log.lines : ['offline alice']).toEqual(['offline alice']);
    expect(await service.count()).toBe(0);
  });

  it('changes$ completes', async () => {
    const presence = await start(1);
    let isOver = false;
    presence.service(0).changes$.subscribe({ complete: () => (isOver = true) });
    await close(presence, 0);
    expect(isOver).toBe(true);
  });
});
