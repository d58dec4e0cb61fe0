import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { RedisPropagatorOptions } from '../../src/index.js';
import { othersOf } from '../support/members.js';
import { ExternalClient } from '../support/external-client.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';

const [OLD, NEW, ALIEN] = [1, 2, 3].map(() => randomBytes(32).toString('hex')) as [
  string,
  string,
  string,
];

const known = (instance: TestInstance, others: number): Promise<void> =>
  until(
    () => othersOf(instance).length === others,
    () => `${others} other instances`,
  );

describe('instances with a secret', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  afterEach(async () => {
    jest.restoreAllMocks();
    external.close();
    await cluster.close();
  });
  const given = async (...secrets: RedisPropagatorOptions['secret'][]) => {
    cluster = await givenCluster()
      .of(secrets.length)
      .with(PlainGateway)
      .configured((index) => ({
        secret: secrets[index],
        heartbeatIntervalMs: 50,
        memberTimeoutMs: 5_000,
      }))
      .start();
    external = new ExternalClient();
    return cluster.instances;
  };
  it('understand one another: every target, requests, and several users at once', async () => {
    const [a, b] = (await given(NEW, NEW)) as [TestInstance, TestInstance];
    const alice = await a.connect({ token: 'alice' });
    const bob = await b.connect({ token: 'bob' });
    const carol = await b.connect({ token: 'carol' });
    await bob.ask('join', 'lobby');
    await known(a, 1);
    const { propagator } = a;
    await propagator.emitToUsers({ userIds: ['bob', 'carol', 'alice'], event: 'users' });
    await propagator.emitToUser({ userId: 'bob', event: 'user' });
    await propagator.emitToAll({ event: 'all' });
    await propagator.emitToAuthenticated({ event: 'authenticated' });
    await propagator.emitToRoom({ room: 'lobby', event: 'room' });
    await cluster.settled(alice, bob, carol);
    expect(carol.events).toEqual(['users', 'all', 'authenticated']);
    expect(bob.events).toEqual(['users', 'user', 'all', 'authenticated', 'room']);
    expect(alice.events).toEqual(['users', 'all', 'authenticated']);
    expect(await propagator.fetchUserSockets('bob')).toMatchObject({
      items: [{ id: bob.id }],
      complete: true,
    });
    expect([a.counts, b.counts]).toEqual([{}, {}]);
  });

  it('understand one another while a secret is being changed', async () => {
    const [a, b] = (await given([OLD, NEW], [NEW, OLD])) as [TestInstance, TestInstance];
    const alice = await a.connect({ token: 'alice' });
    const bob = await b.connect({ token: 'bob' });
    await a.propagator.emitToAll({ event: 'by-old' });
    await b.propagator.emitToAll({ event: 'by-new' });
    await cluster.settled(alice, bob);
    expect(alice.events.toSorted()).toEqual(['by-new', 'by-old']);
    expect(bob.events.toSorted()).toEqual(['by-new', 'by-old']);
  });

  it('ignore instances with another secret, and without one', async () => {
    const [a, alien, without] = (await given(NEW, ALIEN, undefined)) as TestInstance[] as [
      TestInstance,
      TestInstance,
      TestInstance,
    ];
    const alice = await a.connect({ token: 'alice' });
    await alien.propagator.emitToUser({ userId: 'alice', event: 'forged' });
    await without.propagator.emitToUser({ userId: 'alice', event: 'unsigned' });
    await external.publish(cluster.channel('user:alice'), '{"event":"json"}');
    await a.served(alice);
    await until(
      () => (a.counts['message.unsigned'] ?? 0) >= 2 && (a.counts['message.forged'] ?? 0) >= 1,
      () => JSON.stringify(a.counts),
    );
    await a.served(alice);
    expect(alice.events).toEqual([]);
    expect(othersOf(a)).toEqual([]);
    // Without a secret every message is accepted.
    await known(without, 2);
  });

  it('accept no message twice, on another channel, or too late', async () => {
    const [a, b] = (await given(NEW, NEW)) as [TestInstance, TestInstance];
    const alice = await a.connect({ token: 'alice' });
    const carol = await a.connect({ token: 'carol' });
    const caught: Buffer[] = [];
    const listening = external.redis.duplicate();
    listening.on('messageBuffer', (_: Buffer, bytes: Buffer) => caught.push(bytes));
    await listening.subscribe(cluster.channel('user:alice'));
    await b.propagator.emitToUser({ userId: 'alice', event: 'once' });
    await alice.waitFor('once');
    await until(
      () => caught.length === 1,
      () => 'what was published',
    );
    listening.disconnect();
    const [bytes = Buffer.alloc(0)] = caught;

    await external.publish(cluster.channel('user:alice'), bytes);
    await external.publish(cluster.channel('user:carol'), bytes);
    await cluster.settled(alice, carol);
    expect(a.counts).toEqual({ 'message.replayed': 1, 'message.forged': 1 });

    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
    await external.publish(cluster.channel('user:alice'), bytes);
    await until(
      // A heartbeat in flight is that old by then.
      () => (a.counts['message.stale'] ?? 0) >= 1,
      () => JSON.stringify(a.counts),
    );
    expect(alice.events).toEqual(['once']);
    expect(carol.events).toEqual([]);
  });
});
