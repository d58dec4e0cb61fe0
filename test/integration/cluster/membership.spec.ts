import { hostname } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ClusterService,
  type ClusterChange,
  type RedisPropagatorOptions,
} from '../../../src/index.js';
import { untilMembersKnown, instanceIdOf, othersOf } from '../../support/members.js';
import { FakeInstance } from '../../support/fake-instance.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

/** Frequent enough for a fast test, and long enough for a busy machine. */
const QUICK = { heartbeatIntervalMs: 50, memberTimeoutMs: 5_000 };

const clusterOf = ({ app }: TestInstance): ClusterService => app.get(ClusterService);

/** Changes seen by an instance from now on, such as `joined 0123...`. */
function changesOf(instance: TestInstance): string[] {
  const changes: string[] = [];
  clusterOf(instance).changes$.subscribe(({ type, member }: ClusterChange) => {
    changes.push(`${type} ${member.instanceId}`);
  });
  return changes;
}

const knows = (instance: TestInstance, count: number): Promise<void> =>
  until(
    () => othersOf(instance).length === count,
    () => `${count} others, got ${othersOf(instance).length}`,
  );

describe('the members of a cluster', () => {
  let cluster: TestCluster;
  const fakes: FakeInstance[] = [];
  afterEach(async () => {
    for (const fake of fakes.splice(0)) fake.close();
    await cluster.close();
  });
  const start = async (size: number, options: RedisPropagatorOptions = {}): Promise<void> => {
    cluster = await givenCluster().of(size).with(PlainGateway).configured(options).start();
  };
  const fake = async (): Promise<FakeInstance> => {
    const instance = await FakeInstance.of(cluster);
    fakes.push(instance);
    return instance;
  };

  it('know one another at once: id, role and start time', async () => {
    const before = Date.now();
    // With the default heartbeat interval no instance would know another for a while.
    await start(3);
    await untilMembersKnown(cluster);

    for (const instance of cluster.instances) {
      const members = clusterOf(instance).members();
      expect(members).toHaveLength(3);
      expect(members[0]).toEqual(clusterOf(instance).self);
      for (const member of members) {
        expect(member).toEqual({
          instanceId: expect.stringMatching(/^[0-9a-f]{16}$/),
          host: hostname(),
          pid: process.pid,
          startedAt: expect.any(Number),
          sockets: 0,
          users: 0,
        });
        expect(member.startedAt).toBeGreaterThanOrEqual(before);
        expect(member.startedAt).toBeLessThanOrEqual(Date.now());
      }
    }
    expect(new Set(cluster.instances.map(instanceIdOf)).size).toBe(3);
  });

  it('publish their number of sockets and users', async () => {
    await start(2, QUICK);
    await untilMembersKnown(cluster);
    const [a, b] = cluster.instances as [TestInstance, TestInstance];
    for (const token of ['alice', 'alice', 'bob']) await b.connect({ token });
    const anonymous = await b.connect();

    const seen = (): string => {
      const [other] = othersOf(a);
      return `${other?.sockets} sockets, ${other?.users} users`;
    };
    const toSee = (what: string): Promise<void> =>
      until(
        () => seen() === what,
        () => `${what}, got ${seen()}`,
      );
    await toSee('4 sockets, 2 users');
    expect(clusterOf(b).self).toMatchObject({ sockets: 4, users: 2 });
    anonymous.close();
    await toSee('3 sockets, 2 users');
  });

  it('include workers without gateways', async () => {
    await start(1);
    const worker = (await cluster.startWorker()).get(ClusterService);

    await knows(cluster.instance(0), 1);

    expect(othersOf(cluster.instance(0))[0]?.instanceId).toBe(worker.self.instanceId);
    await until(
      () => worker.members().length === 2,
      () => 'the worker to know the other',
    );
  });

  it('report a join and a leave at once, and once each', async () => {
    await start(1);
    const [a] = cluster.instances as [TestInstance];
    const changes = changesOf(a);
    const worker = await cluster.startWorker();
    const { instanceId } = worker.get(ClusterService).self;
    await knows(a, 1);
    const newcomer = await fake();
    await newcomer.announce();
    await newcomer.announce('heartbeat');
    await newcomer.announce();
    await knows(a, 2);

    await worker.close();
    await knows(a, 1);
    await newcomer.announce('bye');
    await newcomer.announce('bye');

    await knows(a, 0);
    expect(changes).toEqual([
      `joined ${instanceId}`,
      `joined ${newcomer.instanceId}`,
      `left ${instanceId}`,
      `left ${newcomer.instanceId}`,
    ]);
  });

  it('count a silent one as lost, and recognise it when it is heard again', async () => {
    await start(1, { heartbeatIntervalMs: 50, memberTimeoutMs: 300 });
    const [a] = cluster.instances as [TestInstance];
    const changes = changesOf(a);
    const silent = await fake();
    const heard = (count: number): Promise<void> =>
      until(
        () => changes.length >= count,
        () => `${count} changes, got ${changes.join()}`,
      );

    await silent.announce();
    await heard(2);
    await silent.announce('heartbeat');
    await heard(3);

    const id = silent.instanceId;
    // The silent instance may be lost again by now.
    expect(changes.slice(0, 3)).toEqual([`joined ${id}`, `lost ${id}`, `joined ${id}`]);
  });

  it('announce that they leave when the app closes, and report no more changes', async () => {
    await start(2);
    await untilMembersKnown(cluster);
    const [a, b] = cluster.instances as [TestInstance, TestInstance];
    const { instanceId } = clusterOf(b).self;
    const changes = changesOf(a);
    let completed = false;
    clusterOf(b).changes$.subscribe({ complete: () => (completed = true) });

    await b.close();

    await knows(a, 0);
    expect(changes).toEqual([`left ${instanceId}`]);
    expect(completed).toBe(true);
    expect(clusterOf(b).members()).toEqual([clusterOf(b).self]);
  });

  it('are only those with the same prefix', async () => {
    await start(1);
    const another = await givenCluster().of(2).with(PlainGateway).start();
    await untilMembersKnown(another);

    expect(othersOf(cluster.instance(0))).toEqual([]);
    await another.close();
  });

  it('of a later version are understood as far as possible', async () => {
    await start(1);
    const later = await fake();

    await later.sendToAll(later.presence('hello', { region: 'eu', sockets: 7 }));

    await knows(cluster.instance(0), 1);
    expect(othersOf(cluster.instance(0))).toEqual([
      expect.objectContaining({ instanceId: later.instanceId, host: 'fake', sockets: 7 }),
    ]);
  });
});
