import { afterEach, describe, expect, it } from '@jest/globals';
import calculateSlot from 'cluster-key-slot';
import { startCluster, type ClusterNode } from '../../scripts/redis/topologies/cluster.mjs';
import { ClusterService } from '../../src/index.js';
import { ClusterProcess } from '../support/cluster-process.js';
import { TestClient } from '../support/test-client.js';
import type { TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { serverBin } from './support/server-bin.js';
import { started } from './support/started.js';
import { startTwo } from './support/two-instances.js';

const redisCluster = started(() => startCluster({ ...serverBin(), replicas: false }));

const userIds = Array.from({ length: 12 }, (_, index) => `user-${index}`);

describe('on a Cluster without replicas', () => {
  let apps: TestCluster;
  afterEach(() => apps.close());

  const everywhere = (state: string) =>
    until(
      () => apps.instances.every(({ redis }) => redis.state === state),
      () => `all to be ${state}`,
      60_000,
    );

  it('two masters that fail at once and come back lose no event', async () => {
    apps = await startTwo({ redis: { nodes: redisCluster().nodes } });
    const sender = apps.instance(0).propagator;
    const clients = await Promise.all(userIds.map((token) => apps.instance(1).connect({ token })));
    const masters = await Promise.all(
      userIds.map((userId) =>
        redisCluster().masterOf(calculateSlot(apps.channel(`user:${userId}`))),
      ),
    );
    const [first, second] = [...new Set(masters)] as [ClusterNode, ClusterNode];
    const sent: Promise<unknown>[] = [];
    let number = 0;
    const emitToEach = (): void => {
      for (const userId of userIds) {
        sent.push(sender.emitToUser({ userId, event: 'n', data: number }));
      }
      number++;
    };

    for (let i = 0; i < 20; i++) emitToEach();
    await Promise.all([first, second].map(({ server }) => server.kill()));
    for (let i = 0; i < 20; i++) emitToEach();
    await everywhere('degraded');
    for (let i = 0; i < 20; i++) emitToEach();
    await Promise.all([first, second].map(({ server }) => server.restart()));
    for (let i = 0; i < 20; i++) emitToEach();
    await everywhere('ready');
    for (let i = 0; i < 20; i++) emitToEach();

    await Promise.all(sent);
    await Promise.all(clients.map((client) => client.waitFor('n', number)));
    const inOrder = Array.from({ length: number }, (_, n) => n);
    // ioredis itself repeats each publish in flight, so their order is not guaranteed (docs/guarantees.md).
    for (const client of clients) {
      expect((client.data('n') as number[]).toSorted((x, y) => x - y)).toEqual(inOrder);
    }
  });

  it('slots that move to another master lose no event', async () => {
    apps = await startTwo({ redis: { nodes: redisCluster().nodes } });
    const sender = apps.instance(0).propagator;
    const [userId = ''] = userIds;
    const client = await apps.instance(1).connect({ token: userId });
    const number = calculateSlot(apps.channel(`user:${userId}`));
    const slot = String(number);
    const masters = redisCluster().members;
    const sent: Promise<unknown>[] = [];
    const moves = { over: false };
    const sending = (async () => {
      for (let n = 0; !moves.over || n % 100 !== 0; n++) {
        sent.push(sender.emitToUser({ userId, event: 'n', data: n }));
        if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    for (let times = 0; times < 6; times++) {
      const from = await redisCluster().masterOf(number);
      const to = masters.find((node) => node !== from) as ClusterNode;
      await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
      await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
      for (const { admin } of [to, from, ...masters]) {
        await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
      }
      const before = client.data('n').length;
      await client.waitFor('n', before + 50);
    }
    moves.over = true;
    await sending;

    await Promise.all(sent);
    await client.waitFor('n', sent.length);
    expect(client.data('n')).toEqual(Array.from({ length: sent.length }, (_, n) => n));
  });

  it('an instance that stands still, and that one master cuts off meanwhile, loses no event', async () => {
    const redis = { nodes: redisCluster().nodes };
    apps = await startTwo({ redis });
    const frozen = await ClusterProcess.start({ prefix: apps.prefix, redis });
    let sending: NodeJS.Timeout | undefined;
    try {
      const clients = await Promise.all(
        userIds.map((token) => TestClient.connect(frozen.url, { token })),
      );
      const lost: unknown[] = [];
      const gaps: unknown[] = [];
      await frozen.listen('cluster', 'gaps$', (gap) => gaps.push(gap));
      const { propagator, app } = apps.instance(0);
      app.get(ClusterService).changes$.subscribe(({ type, member }) => {
        if (type === 'lost') lost.push(member.instanceId);
      });
      const sent: Promise<unknown>[] = [];
      let number = 0;
      const emitToEach = (): void => {
        for (const userId of userIds) {
          sent.push(propagator.emitToUser({ userId, event: 'n', data: number }));
        }
        number++;
      };
      emitToEach();
      await Promise.all(clients.map((client) => client.waitFor('n', number)));

      frozen.freeze();
      const { admin } = await redisCluster().masterOf(0);
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      sending = setInterval(emitToEach, 20);
      await until(
        () => lost.length > 0,
        () => 'the instance to be lost',
      );
      frozen.thaw();
      clearInterval(sending);
      emitToEach();
      await Promise.all(sent);
      await Promise.all(clients.map((client) => client.waitFor('n', number)));
      const inOrder = Array.from({ length: number }, (_, n) => n);
      for (const client of clients) {
        expect(client.data('n')).toEqual(inOrder);
        client.close();
      }
      expect({ lost, gaps }).toEqual({ lost: [frozen.instanceId], gaps: [] });
    } finally {
      clearInterval(sending);
      await frozen.kill();
    }
  });
});
