import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ClusterService, type RedisPropagatorOptions } from '../../src/index.js';
import { ClusterProcess } from '../support/cluster-process.js';
import { NUMBERED, type ReturningClient } from '../support/returning-client.js';
import { testRedisUrl } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { MovingUsers } from './support/moving-user.js';

/** No instance notices the end of another one within a test. */
const UNNOTICED = { heartbeatIntervalMs: 200, memberTimeoutMs: 60_000 };
const NOTICED = { ...UNNOTICED, memberTimeoutMs: 2_000 };

/** Alice and Bob have new connections, without the events in between. Carol stays connected. */
const newConnections = (reason: string) => ({
  received: [
    ['alice', [false, false], [1, 9]],
    ['bob', [false, false], [1, 9]],
    ['carol', [false], [1, 3, 9]],
  ],
  counts: { [reason]: 2 },
});

describe('the clients of an instance that is killed (kill -9) get new connections on another one, with a reason', () => {
  let stage: MovingUsers;
  let killed: ClusterProcess;
  let clients: ReturningClient[];
  beforeEach(() => {
    clients = [];
  });
  afterEach(async () => {
    await killed.kill();
    await stage.close();
  });

  const sendFromIt = (userId: string, number: number): Promise<unknown> =>
    killed.call('propagator', 'emitToUser', { userId, event: NUMBERED, data: ['user', number] });

  /** Alice and Bob on an instance that will be killed, Carol on another one. All have received event 1. */
  const start = async (options: RedisPropagatorOptions): Promise<void> => {
    const all = { recovery: {}, ...options };
    stage = await MovingUsers.start({ size: 1, options: all });
    const { balancer, cluster } = stage;
    killed = await ClusterProcess.start({ ...all, redis: testRedisUrl(), prefix: cluster.prefix });
    balancer.instances.push(killed.url);
    clients = await Promise.all([
      stage.connect('alice', 1),
      stage.connect('bob', 1),
      stage.connect('carol', 0),
    ]);
    for (const { user } of clients) await sendFromIt(user, 1);
    await until(
      () => clients.every(({ record }) => record.count === 1),
      () => 'the first events',
    );
    for (const { user } of clients) balancer.sendTo(user, 0);
  };

  /** The numbers that each client has received in the end, and for each of its connections whether the client was recovered. */
  const outcome = async () => {
    await Promise.all(clients.slice(0, 2).map((client) => client.connected(2)));
    for (const { user } of clients) await stage.send(user, 9);
    const received = [];
    for (const client of clients) {
      received.push([client.user, client.connections, await stage.settled(client)]);
    }
    return { received, counts: stage.cluster.instance(0).counts };
  };

  it('old-instance-silent: its end has not been noticed', async () => {
    await start(UNNOTICED);
    const { balancer } = stage;
    const accept = balancer.refuse();
    await killed.kill();
    for (const { user } of clients) await stage.send(user, 3);
    accept();

    expect(await outcome()).toEqual(newConnections('recovery.old-instance-silent'));
  });

  it('unknown-session: its end has been noticed', async () => {
    await start(NOTICED);
    const { balancer, cluster } = stage;
    const accept = balancer.refuse();
    await killed.kill();
    const members = cluster.instance(0).app.get(ClusterService);
    await until(
      () => members.otherMembers().length === 0,
      () => 'the end to be noticed',
    );
    for (const { user } of clients) await stage.send(user, 3);
    accept();

    expect(await outcome()).toEqual(newConnections('recovery.unknown-session'));
  });

  it('not-proven: it had left its sessions in Redis, and nobody knows what it has sent since', async () => {
    await start({ ...UNNOTICED, recovery: { persist: true } });
    const { balancer } = stage;
    const accept = balancer.refuse();
    balancer.cut(({ name }) => name !== 'carol');
    await until(
      async () => (await killed.call('process', 'awayCount')) === 2,
      () => 'two clients to be away',
    );
    await killed.call('process', 'leaveSessions');
    await sendFromIt('alice', 2);
    await killed.kill();
    for (const { user } of clients) await stage.send(user, 3);
    accept();

    expect(await outcome()).toEqual(newConnections('recovery.not-proven'));
  });
});
