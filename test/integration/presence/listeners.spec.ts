import { Inject, type OnModuleInit } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import { PresenceService, type RedisPropagatorOptions } from '../../../src/index.js';
import { InMemoryBus, InMemoryPubSub } from '../../../src/testing/index.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { PresenceLog } from '../../support/presence-log.js';
import { bucketOf } from '../../../src/presence/store/presence-buckets.js';
import { usersOf } from '../../support/presence/test-stores.js';
import { presenceOf } from '../../support/presence/presence-cluster.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
const offline = users.map((user) => `offline ${user}`).toSorted();

/** A provider that subscribes only after the instance has processed all changes it found at its start. */
class LateListener implements OnModuleInit {
  static log: PresenceLog | undefined;

  constructor(@Inject(PresenceService) private readonly presence: PresenceService) {}

  async onModuleInit(): Promise<void> {
    await nobodyIsOnline(this.presence);
    LateListener.log = new PresenceLog(this.presence);
  }
}

const nobodyIsOnline = (service: PresenceService): Promise<void> =>
  until(
    async () => (await service.count()) === 0,
    () => 'nobody to be online',
  );

describe.each(['Redis', 'memory'] as const)('a change of presence in %s', (where) => {
  const started: TestCluster[] = [];
  let bus: InMemoryBus;
  beforeEach(() => {
    bus = new InMemoryBus();
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((each) => each.close()));
  });

  const options = (): RedisPropagatorOptions => ({
    presence: { graceMs: 50 },
    heartbeatIntervalMs: 100,
    ...(where === 'memory' && { redis: undefined, pubSub: new InMemoryPubSub(bus) }),
  });
  const start = async (size: number): Promise<TestCluster> => {
    const cluster = await givenCluster().of(size).with(PlainGateway).configured(options).start();
    started.push(cluster);
    return cluster;
  };
  it('is reported by another instance when nobody is subscribed on its own instance any more', async () => {
    const cluster = await start(2);
    const [here, there] = cluster.instances.map(presenceOf) as [PresenceService, PresenceService];
    const [own, other] = [new PresenceLog(here), new PresenceLog(there)];
    const clients = users.map((token) => cluster.instance(0).connect({ token }));
    await own.reaches(users.length);
    // As in `onModuleDestroy`, which runs before the clients are disconnected.
    own.close();
    for (const client of await Promise.all(clients)) client.close();
    await nobodyIsOnline(there);

    await cluster.instance(0).close();

    await other.reaches(users.length);
    expect(other.lines.toSorted()).toEqual(offline);
    expect(own.lines).toHaveLength(users.length);
  });

  it('that is found at the start waits until the app subscribes', async () => {
    const cluster = await start(1);
    await Promise.all(users.map((token) => cluster.instance(0).connect({ token })));
    await until(
      async () => (await presenceOf(cluster.instance(0)).count()) === users.length,
      () => 'all to be online',
    );
    await cluster.close();

    const next = givenCluster().of(1).with(PlainGateway, LateListener);
    started.push(await next.configured({ ...options(), prefix: cluster.prefix }).start());

    const told = () => LateListener.log?.lines ?? [];
    await until(
      () => told().length >= 2 * users.length,
      () => `all to be told of, got ${told().join()}`,
    );
    // Nobody had subscribed on the previous instance.
    for (const user of users) {
      const own = told().filter((line) => line.endsWith(` ${user}`));
      expect(own).toEqual([`online ${user}`, `offline ${user}`]);
    }
    expect(told()).toHaveLength(2 * users.length);
  });

  it('waits for an app that subscribes only after its start', async () => {
    const cluster = await start(1);
    await cluster.instance(0).connect({ token: 'alice' });
    const service = presenceOf(cluster.instance(0));
    await until(
      async () => (await service.count()) === 1,
      () => 'alice to be online',
    );
    expect(await service.setStatus('alice', 'away')).toBe(true);

    const log = new PresenceLog(service);

    await log.reaches(2);
    expect(log.lines).toEqual(['online alice', 'alice is away']);
  });

  it('waits for the next subscriber if one has unsubscribed', async () => {
    const cluster = await start(1);
    // Users in one bucket.
    const three = usersOf(bucketOf('alice'), 3, 'alice');
    await Promise.all(three.map((token) => cluster.instance(0).connect({ token })));
    const service = presenceOf(cluster.instance(0));
    await until(
      async () => (await service.count()) === 3,
      () => 'all to be online',
    );

    const first = await firstValueFrom(service.changes$);
    const log = new PresenceLog(service);

    await log.reaches(2);
    const told = [`online ${first.userId}`, ...log.lines];
    expect(told.toSorted()).toEqual(three.map((user) => `online ${user}`).toSorted());
  });

  it('is not reported by a worker while the only instance with a subscriber restarts', async () => {
    const cluster = await start(1);
    const { prefix } = cluster;
    const before = new PresenceLog(presenceOf(cluster.instance(0)));
    const worker = await cluster.startWorkerWith({ ...options(), prefix });
    await Promise.all(users.map((token) => cluster.instance(0).connect({ token })));
    await before.reaches(users.length);

    await cluster.instance(0).close();
    const next = givenCluster()
      .of(1)
      .with(PlainGateway)
      .configured({ ...options(), prefix });
    const again = await next.start();
    started.push(again);
    const after = new PresenceLog(presenceOf(again.instance(0)));

    // The previous instance reports changes that become certain while it closes, if closing takes longer than the
    // grace period.
    const told = () => [...before.lines.slice(users.length), ...after.lines];
    await until(
      () => told().length >= users.length,
      () => `all to be told of, got ${told().join()}`,
    );
    expect(told().toSorted()).toEqual(offline);
    expect(await worker.get(PresenceService).count()).toBe(0);
  });

  it('is reported by an instance with a subscriber, whichever others could process a dead instance', async () => {
    const cluster = await start(2);
    const { prefix } = cluster;
    for (let n = 0; n < 3; n++) await cluster.startWorkerWith({ ...options(), prefix });
    const logs = cluster.instances.map((instance) => new PresenceLog(presenceOf(instance)));
    await Promise.all(users.map((token) => cluster.instance(0).connect({ token })));
    const told = () => logs.flatMap(({ lines }) => lines);
    // Until the store knows which instances have a subscriber.
    await cluster.instance(1).connect({ token: 'carol' });
    await until(
      () => told().length === users.length + 1,
      () => 'all to be online',
    );

    await cluster.instance(0).close();

    await until(
      () => told().length > 2 * users.length,
      () => `all to be told of, got ${told().join()}`,
    );
    const online = [...users, 'carol'].map((user) => `online ${user}`);
    expect(told().toSorted()).toEqual([...offline, ...online].toSorted());
  });
});
