import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ClusterProcess } from '../../support/cluster-process.js';
import { PresenceService } from '../../../src/index.js';
import { namespaceOf } from '../../support/plain-gateway.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import {
  admitted,
  LimitedCluster,
  limitedTo,
  refused,
  type Limit,
} from '../../support/presence/limited-cluster.js';
import { TestClient } from '../../support/test-client.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const TOO_MANY = 'auth.too-many-sockets';
const REASON = [{ reason: TOO_MANY }];

describe('auth.maxSocketsPerUser', () => {
  let limited: LimitedCluster;
  afterEach(() => limited.close());

  describe.each(['Redis', 'memory'] as const)('in %s', (where) => {
    it('accepts exactly the allowed number of sockets that connect at once to several instances', async () => {
      limited = await LimitedCluster.start(where, 3, { maxSocketsPerUser: 3 });
      const [alices, bobs] = await Promise.all([
        limited.attemptAtOnce(20, 'alice'),
        limited.attemptAtOnce(5, 'bob'),
      ]);

      expect(admitted(alices)).toHaveLength(3);
      expect(refused(alices)).toEqual(Array<string>(17).fill(TOO_MANY));
      expect(admitted(bobs)).toHaveLength(3);
      const reported = limited.cluster.instances.map((instance) => instance.counts[TOO_MANY] ?? 0);
      expect(reported.reduce((sum, count) => sum + count, 0)).toBe(19);
      expect(admitted(alices).every(({ socket }) => socket.connected)).toBe(true);
    });

    it('accepts another socket for each that has left, and no more', async () => {
      limited = await LimitedCluster.start(where, 3, {
        maxSocketsPerUser: 2,
        onTooManySockets: 'reject-new',
      });
      const [first, second] = [await limited.connect('alice'), await limited.connect('alice')];
      expect(await limited.attempt('alice')).toBe(TOO_MANY);
      await first.closed();
      const third = await limited.eventually('alice');
      expect(await limited.attempt('alice')).toBe(TOO_MANY);
      await second.closed();
      await third.closed();
      await limited.eventually('alice');
      await limited.eventually('alice');
      expect(refused(await limited.attemptAtOnce(3, 'alice'))).toHaveLength(3);
    });

    it('counts the sockets of all namespaces, and none without a user', async () => {
      limited = await LimitedCluster.start(where, 3, { maxSocketsPerUser: 2 });
      await limited.connect('alice', 0, '/chat');
      await limited.connect('alice', 1);
      expect(await limited.attempt('alice', 2, '/chat')).toBe(TOO_MANY);
      const anonymous = Array.from({ length: 4 }, () => limited.cluster.instance(0).connect());
      expect(await Promise.all(anonymous)).toHaveLength(4);
    });

    it('disconnects the oldest socket, if configured, on any instance', async () => {
      limited = await LimitedCluster.start(where, 3, {
        maxSocketsPerUser: 2,
        onTooManySockets: 'disconnect-oldest',
      });
      const oldest = await limited.connect('alice', 0);
      const second = await limited.connect('alice', 1);
      const bob = await limited.connect('bob', 0);
      const third = await limited.connect('alice', 2);

      expect(await oldest.waitFor('propagator:disconnect')).toEqual(REASON);
      await until(
        () => !oldest.socket.connected,
        () => 'the oldest to be disconnected',
      );
      const fourth = await limited.connect('alice', 1);
      expect(await second.waitFor('propagator:disconnect')).toEqual(REASON);
      const staying = [third, fourth, bob];
      await limited.cluster.settled(...staying);
      expect(staying.map(({ events }) => events)).toEqual([[], [], []]);
      expect(staying.every(({ socket }) => socket.connected)).toBe(true);
    });

    it('disconnects the oldest socket by default, so that dead sockets keep nobody out', async () => {
      limited = await LimitedCluster.start(where, 2, {
        maxSocketsPerUser: 1,
        onTooManySockets: undefined,
      });
      const oldest = await limited.connect('alice', 0);
      await limited.connect('alice', 1);
      expect(await oldest.waitFor('propagator:disconnect')).toEqual(REASON);
    });

    it('tells refused clients when to retry', async () => {
      limited = await LimitedCluster.start(where, 1, { maxSocketsPerUser: 1 });
      await limited.connect('alice');
      const { data } = await limited.cluster.instance(0).refusal({ token: 'alice' });
      expect(data).toEqual({ code: TOO_MANY, retryAfterMs: expect.any(Number) });
    });

    it('keeps the allowed number of many sockets that connect at once', async () => {
      limited = await LimitedCluster.start(where, 3, {
        maxSocketsPerUser: 3,
        onTooManySockets: 'disconnect-oldest',
      });
      const clients = admitted(await limited.attemptAtOnce(20, 'alice'));
      const connected = () => clients.filter(({ socket }) => socket.connected);
      await until(
        () => connected().length <= 3,
        () => `three to stay, there are ${connected().length}`,
      );
      await limited.cluster.settled(...connected());

      expect(clients).toHaveLength(20);
      expect(connected()).toHaveLength(3);
      const told = clients.filter((client) => client.data('propagator:disconnect').length > 0);
      expect(told).toHaveLength(17);
    });

    it('keeps nothing of sockets that are displaced before they are connected', async () => {
      limited = await LimitedCluster.start(
        where,
        3,
        { maxSocketsPerUser: 1, onTooManySockets: 'disconnect-oldest' },
        { presence: { graceMs: 0 } },
      );
      const { instances } = limited.cluster;
      const heard = { came: 0, went: 0 };
      for (const index of instances.keys()) {
        // The app takes time, too.
        const namespace = namespaceOf(limited.cluster, index);
        namespace.use((_, next) => setTimeout(next, 20));
        namespace.on('connection', (socket) => {
          heard.came++;
          socket.once('disconnect', () => heard.went++);
        });
      }

      const clients = admitted(await limited.attemptAtOnce(20, 'alice'));
      await until(
        () => heard.went === 19,
        () => `all but one to go, got ${JSON.stringify(heard)}`,
      );
      // The clients hear it after the app.
      const connected = () => clients.filter(({ socket }) => socket.connected).length;
      await until(
        () => connected() <= 1,
        () => `one client to be connected, not ${connected()}`,
      );
      expect(connected()).toBe(1);
      for (const client of clients) client.close();

      const online = () => instances[0]?.app.get(PresenceService).isOnline('alice');
      await until(
        async () => instances.every(({ state }) => state.socketCount === 0) && !(await online()),
        () => 'nobody to be there any more',
      );
      expect(heard).toEqual({ came: 20, went: 20 });
    });
  });

  it('is no limit without the option, and nothing is counted', async () => {
    limited = await LimitedCluster.start('Redis', 3, {});
    expect(admitted(await limited.attemptAtOnce(8, 'alice'))).toHaveLength(8);
    await limited.counts('alice', 0);
  });

  it('does not count refused sockets, however often Redis is updated meanwhile', async () => {
    const times = { heartbeatIntervalMs: 500, memberTimeoutMs: 10_000 };
    limited = await LimitedCluster.start('Redis', 3, { maxSocketsPerUser: 2 }, times);
    await limited.connect('alice');
    const second = await limited.connect('alice');
    for (let round = 0; round < 12; round++) {
      expect(admitted(await limited.attemptAtOnce(6, 'alice'))).toEqual([]);
    }
    await limited.counts('alice', 2);
    await second.closed();
    await limited.counts('alice', 1);
  });

  it('forgets a socket that leaves before it is connected', async () => {
    limited = await LimitedCluster.start('Redis', 3, { maxSocketsPerUser: 3 });
    for (let times = 0; times < 10; times++) {
      const clients = limited.cluster.instances.map(({ url }) =>
        TestClient.open(url, { token: 'alice' }),
      );
      // At another point of the handshake each time.
      await sleep(times * 2);
      for (const client of clients) client.close();
    }
    await limited.counts('alice', 0);
    expect(admitted(await limited.attemptAtOnce(5, 'alice'))).toHaveLength(3);
  });

  it('counts the sockets of a killed instance until its lease is over', async () => {
    const times = { heartbeatIntervalMs: 100, presence: { leaseMs: 5_000, graceMs: 0 } };
    const limit = { maxSocketsPerUser: 2 };
    limited = await LimitedCluster.start('Redis', 2, limit, times);
    const { prefix } = limited.cluster;
    const options = { ...times, ...limitedTo(limit), redis: testRedisUrl(), prefix };
    const there = await ClusterProcess.start(options);
    const clients: TestClient[] = [];
    try {
      for (let index = 0; index < 2; index++) {
        clients.push(await TestClient.connect(there.url, { token: 'alice' }));
      }
      expect(await limited.attempt('alice', 0)).toBe(TOO_MANY);
      await there.kill();
      expect(await limited.attempt('alice', 1)).toBe(TOO_MANY);
      await limited.eventually('alice', 0);
      await limited.eventually('alice', 1);
      expect(await limited.attempt('alice', 1)).toBe(TOO_MANY);
    } finally {
      for (const client of clients) client.close();
      await there.kill();
    }
  });
});

describe('auth.maxSocketsPerUser while Redis is down', () => {
  let limited: LimitedCluster;
  let redis: RunningRedis;
  afterEach(async () => {
    await limited.close();
    await redis.stop();
  });

  const start = async (limit: Limit, args: string[] = []): Promise<void> => {
    redis = await startOwnRedis(args);
    const times = { heartbeatIntervalMs: 100, subscribeTimeoutMs: 50, connectTimeoutMs: 30_000 };
    limited = await LimitedCluster.start('Redis', 2, limit, { ...times, redis: redis.url });
    await limited.everywhere('ready');
  };
  const goAway = async (): Promise<void> => {
    await redis.kill();
    await limited.everywhere('degraded');
  };
  const comeBack = async (): Promise<void> => {
    await redis.restart();
    await limited.everywhere('ready');
  };

  it('makes each instance count its own sockets and refuse excess ones', async () => {
    await start({ maxSocketsPerUser: 2 });
    const first = await limited.connect('alice', 0);
    await goAway();
    await limited.connect('alice', 0);
    for (let index = 0; index < 2; index++) await limited.connect('alice', 1);

    expect(await limited.attempt('alice', 0)).toBe(TOO_MANY);
    expect(await limited.attempt('alice', 1)).toBe(TOO_MANY);
    expect(first.socket.connected).toBe(true);
    expect(limited.cluster.instance(0).counts['limit.unchecked']).toBe(2);
  });

  it('makes each instance count its own sockets and disconnect the oldest', async () => {
    await start({ maxSocketsPerUser: 2, onTooManySockets: 'disconnect-oldest' });
    const first = await limited.connect('alice', 0);
    await goAway();
    for (let index = 0; index < 2; index++) await limited.connect('alice', 1);
    const second = await limited.connect('alice', 0);
    const third = await limited.connect('alice', 0);

    expect(await first.waitFor('propagator:disconnect')).toEqual(REASON);
    expect([second, third].every(({ socket }) => socket.connected)).toBe(true);
  });

  it('counts earlier and new sockets once Redis is back empty', async () => {
    await start({ maxSocketsPerUser: 4 });
    await limited.connect('alice', 0);
    const gone = await limited.connect('alice', 1);
    await limited.connect('alice', 1);
    await goAway();
    await limited.connect('alice', 0);
    const visitor = await limited.connect('alice', 0);
    await visitor.closed();
    await gone.closed();
    await comeBack();

    await limited.counts('alice', 3);
    await limited.connect('alice', 1);
    expect(await limited.attempt('alice', 0)).toBe(TOO_MANY);
  });

  it('no longer counts sockets that left once Redis is back with its data', async () => {
    await start({ maxSocketsPerUser: 2 }, ['--appendonly', 'yes']);
    const first = await limited.connect('alice', 0);
    await limited.connect('alice', 1);
    await limited.counts('alice', 2);
    await goAway();
    await first.closed();
    await comeBack();

    await limited.counts('alice', 1);
    await limited.connect('alice', 0);
    expect(await limited.attempt('alice', 1)).toBe(TOO_MANY);
  });
});
