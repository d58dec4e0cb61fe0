import { expect } from '@jest/globals';
import { WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server } from 'socket.io';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { presenceOf } from '../../support/presence/presence-cluster.js';
import { PresenceLog } from '../../support/presence-log.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { PATIENCE_MS, until } from '../../support/until.js';

@WebSocketGateway()
export class RoomsGateway {
  @WebSocketServer() readonly server!: Server;
}

/** Two instances of an app that know one another. */
export async function startTwo(
  options: RedisPropagatorOptions | ((instance: number) => RedisPropagatorOptions),
): Promise<TestCluster> {
  const given = typeof options === 'function' ? options : () => options;
  const cluster = await givenCluster()
    .of(2)
    .with(RoomsGateway)
    .configured((instance) => ({ presence: { graceMs: 50 }, ...given(instance) }))
    .start();
  await until(
    () => cluster.instances.every(({ redis }) => redis.state === 'ready'),
    () => 'both to be ready',
  );
  return cluster;
}

const to = (userId: string, data: string) => ({ userId, event: 'news', data });

const serverOf = (cluster: TestCluster, index: number): Server =>
  cluster.instance(index).app.get(RoomsGateway).server;

/** Tests an app with two instances: users, rooms, requests and presence, with exact receipts. */
export async function exerciseAll(cluster: TestCluster | undefined): Promise<void> {
  if (cluster === undefined) throw new Error('the apps did not start');
  await exerciseMessages(cluster);
  await exercisePresence(cluster);
}

async function exercisePresence(cluster: TestCluster): Promise<void> {
  const log = new PresenceLog(...cluster.instances.map(presenceOf));
  const carols = () => log.lines.filter((line) => line.includes('carol'));
  const seen: string[] = [];
  const [here, there] = [presenceOf(cluster.instance(0)), presenceOf(cluster.instance(1))];
  const watching = there.watch().subscribe(({ type, userId }) => seen.push(`${type} ${userId}`));
  await until(
    async () => (await here.count()) === 0,
    () => 'nobody to be online any more',
  );
  const carol = await cluster.instance(0).connect({ token: 'carol' });
  await until(
    () => there.isOnline('carol'),
    () => 'carol to be online',
  );
  expect(await there.setStatus('carol', 'away')).toBe(true);
  expect(await here.statusOf('carol')).toBe('away');
  expect(await there.onlineUsers()).toEqual({ userIds: ['carol'], cursor: null });
  await carol.closed();
  await until(
    async () => !(await there.isOnline('carol')),
    () => 'carol to be offline',
  );
  expect(await there.lastSeen('carol')).toEqual(expect.any(Number));
  await until(
    () => carols().length >= 3,
    () => `what became of carol, got ${log.lines.join(', ')}`,
  );
  expect(carols()).toEqual(['online carol', 'carol is away', 'offline carol']);
  await until(
    () => seen.includes('offline carol'),
    () => `what became of carol, got ${seen.join(', ')}`,
  );
  expect(seen.filter((line) => line.endsWith('carol'))).toEqual([
    'online carol',
    'status carol',
    'offline carol',
  ]);
  watching.unsubscribe();
  log.close();
}

async function exerciseMessages(cluster: TestCluster): Promise<void> {
  const [a, b] = [cluster.instance(0), cluster.instance(1)];
  const [near, far, anonymous] = await Promise.all([
    a.connect({ token: 'alice' }),
    b.connect({ token: 'alice' }),
    b.connect(),
  ]);

  expect(await a.propagator.emitToUser(to('alice', '1'))).toEqual(receipt(1, 1));
  expect(await b.propagator.emitToUser(to('nobody', '2'))).toEqual(receipt(0, 0));
  expect(await b.propagator.emitToAll({ event: 'news', data: '3' })).toEqual(receipt(2, 1));
  expect(await a.propagator.emitToAuthenticated({ event: 'news', data: '4' })).toEqual(
    receipt(1, 1),
  );

  // On a Cluster channels use different connections: only events of one channel are ordered.
  for (const [client, all] of [
    [near, ['1', '3', '4']],
    [far, ['1', '3', '4']],
    [anonymous, ['3']],
  ] as const) {
    const data = await client.waitFor('news', all.length);
    expect(data.map(String).toSorted()).toEqual(all);
  }

  const [here, there] = [serverOf(cluster, 0), serverOf(cluster, 1)];
  const socket = there.sockets.sockets.get(far.id);
  await socket?.join('lobby');
  expect(await a.propagator.emitToRoom({ room: 'lobby', event: 'lobby', data: 'hello' })).toEqual(
    receipt(0, 1),
  );
  expect(await far.waitFor('lobby')).toEqual(['hello']);

  const sockets = await here.fetchSockets();
  expect(sockets.map(({ id }) => id).toSorted()).toEqual(
    [near.id, far.id, anonymous.id].toSorted(),
  );
  const users = await b.propagator.fetchUserSockets('alice');
  expect(users).toMatchObject({ complete: true, missing: [] });
  expect(users.items).toHaveLength(2);
  far.socket.on('ask', (answer: (text: string) => void) => answer('yes'));
  expect(await here.to('lobby').timeout(PATIENCE_MS).emitWithAck('ask')).toEqual(['yes']);

  await Promise.all([near, far, anonymous].map((client) => client.closed()));
}

function receipt(localSockets: number, remoteInstances: number) {
  return { localSockets, remoteInstances, reached: localSockets + remoteInstances > 0 };
}
