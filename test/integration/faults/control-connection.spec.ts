import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { FakeInstance } from '../../support/fake-instance.js';
import { instanceIdOf, untilMembersKnown } from '../../support/members.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';
import { untilDisconnected } from '../../support/until-disconnected.js';

/** More than the limit of the output buffer, in one command: Redis cuts each subscriber off. */
const FLOOD = `for i = 1, 64 do redis.call('PUBLISH', KEYS[1], ARGV[1]) end`;
const JUNK = JSON.stringify({ event: 'junk', data: 'x'.repeat(65_536) });
/** 1 MB in place of 32. */
const SMALL_BUFFER = ['--client-output-buffer-limit', 'pubsub 1mb 0 0'];

const connectionsTo = async (redis: Redis, role: string): Promise<string[]> => {
  const list = String(await redis.client('LIST'));
  const lines = list.split('\n').filter((line) => line.includes(`propagator:${role} `));
  return lines.map((line) => /id=(\d+)/.exec(line)?.[1] ?? '').sort();
};

describe('an instance whose connection of the events is cut off by Redis again and again', () => {
  let cluster: TestCluster;
  let redis: RunningRedis;
  let admin: Redis;
  afterEach(async () => {
    admin.disconnect();
    await cluster.close();
    await redis.stop();
  });

  it('answers requests meanwhile, and gets its events', async () => {
    redis = await startOwnRedis(SMALL_BUFFER);
    admin = new Redis(redis.url);
    cluster = await givenCluster()
      .of(3)
      .with(PlainGateway)
      .onRedis(redis.url)
      .configured(() => ({ requestTimeoutMs: 3_000, memberTimeoutMs: 60_000 }))
      .start();
    await untilMembersKnown(cluster);
    const far = await cluster.instance(1).connect({ token: 'alice' });
    const control = await connectionsTo(admin, 'control');
    const seen = new Set(await connectionsTo(admin, 'subscriber'));
    const io = serverOf(cluster, 0);

    const rounds = 10;
    for (let round = 1; round <= rounds; round++) {
      const asked = io.fetchSockets();
      await admin.eval(FLOOD, 1, cluster.channel('all'), JUNK);
      // Redis has received this one while the instance was not subscribed, or has dropped it with the connection.
      const asksAgain = io.fetchSockets();
      const told = cluster
        .instance(0)
        .propagator.emitToUser({ userId: 'alice', event: 'n', data: round });
      for (const sockets of await Promise.all([asked, asksAgain])) {
        expect(sockets.map(({ id }) => id)).toEqual([far.id]);
      }
      await told;
      await far.waitFor('n', round);
      for (const id of await connectionsTo(admin, 'subscriber')) seen.add(id);
    }

    // The connection of the one instance with a client, each time.
    expect(seen.size).toBe(3 + rounds);
    expect(cluster.instance(0).counts['request.incomplete']).toBeUndefined();
    expect(await connectionsTo(admin, 'control')).toEqual(control);
    await until(
      () => cluster.instances.every((instance) => instance.redis.state === 'ready'),
      () => 'all instances to be ready',
    );
    await cluster.settled(far);
    expect(far.data('n')).toEqual(Array.from({ length: rounds }, (_, index) => index + 1));
  });
});

describe('an instance that has missed more than Redis buffers for a connection', () => {
  it('gets all of it, and no connection is cut off', async () => {
    const redis = await startOwnRedis(SMALL_BUFFER);
    const admin = new Redis(redis.url);
    const cluster = await givenCluster().of(2).with(PlainGateway).onRedis(redis.url).start();
    try {
      await untilMembersKnown(cluster);
      const client = await cluster.instance(0).connect({ token: 'alice' });
      const { propagator } = cluster.instance(1);
      const tell = (data: unknown) => propagator.emitToUser({ userId: 'alice', event: 'n', data });
      await tell([0]);
      await client.waitFor('n');
      const channel = cluster.channel('user:alice');
      const isHeard = async (): Promise<boolean> =>
        (((await admin.pubsub('NUMSUB', channel)) as [string, number])[1] ?? 0) > 0;

      const filler = 'x'.repeat(16_384);
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      // Most of these are published before the channel is subscribed again.
      let count = 1;
      const sent: Promise<unknown>[] = [];
      while (count < 500) sent.push(tell([count++, filler]));
      await Promise.all(sent);
      await until(isHeard, () => 'the channel to be subscribed');
      // The connection of the other instance was cut as well.
      await until(
        () => cluster.instances.every((instance) => instance.redis.state === 'ready'),
        () => 'all instances to be ready',
      );
      const seen = await connectionsTo(admin, 'subscriber');
      await client.waitFor('n', count);
      await cluster.settled(client);
      const numbers = client.data('n').map((data) => (data as [number])[0]);
      expect(numbers).toEqual(Array.from({ length: count }, (_, n) => n));
      expect(await connectionsTo(admin, 'subscriber')).toEqual(seen);
    } finally {
      admin.disconnect();
      await cluster.close();
      await redis.stop();
    }
  });
});

const request = (id: number, operation = 'ids') => ({
  id,
  operation,
  params: { namespace: '/', rooms: [], except: [] },
  timeoutMs: 20_000,
});

describe('a request that is sent to an instance again', () => {
  let cluster: TestCluster;
  let asker: FakeInstance;
  afterEach(async () => {
    asker.close();
    await cluster.close();
  });

  const answersTo = (id: number): number =>
    asker.replies.filter((reply) => reply.id === id && reply.done).length;

  it('is executed once, whichever arrives first', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    asker = await FakeInstance.memberOf(cluster);
    const instanceId = instanceIdOf(cluster.instance(0));
    await asker.sendTo(instanceId, { type: 'retry', ...request(1) });
    await until(
      () => answersTo(1) === 1,
      () => 'an answer',
    );
    await asker.sendToAll({ type: 'request', ...request(1) });
    await asker.sendToAll({ type: 'request', ...request(2) });
    await asker.sendTo(instanceId, { type: 'retry', ...request(2) });
    await asker.sendToAll({ type: 'request', ...request(3) });
    await asker.sendTo(instanceId, { type: 'retry', ...request(4) });
    await until(
      () => answersTo(3) === 1 && answersTo(4) === 1,
      () => 'the last answers',
    );
    expect([1, 2, 3, 4].map(answersTo)).toEqual([1, 1, 1, 1]);
  });

  it('does not overtake the events that were sent before it', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    asker = await FakeInstance.memberOf(cluster);
    const client = await cluster.instance(0).connect({ token: 'alice' });
    const instanceId = instanceIdOf(cluster.instance(0));
    const count = 500;
    const sent = Array.from({ length: count }, (_, data) =>
      asker.publish('/:all', Buffer.from(JSON.stringify({ event: 'n', data }))),
    );
    const params = { namespace: '/', rooms: [], except: [], close: true };
    sent.push(asker.sendTo(instanceId, { type: 'retry', ...request(1, 'disconnect'), params }));
    await Promise.all(sent);
    await untilDisconnected(client);
    expect(client.data('n')).toHaveLength(count);
  });
});
