import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import calculateSlot from 'cluster-key-slot';
import { startCluster, type ClusterNode } from '../../scripts/redis/topologies/cluster.mjs';
import { until } from '../support/until.js';
import { serverBin } from './support/server-bin.js';
import { started } from './support/started.js';
import { WatchedChannels } from './support/watched-channels.js';

const cluster = started(() => startCluster(serverBin()));

const first = 'app:user:0';

function masterOf(channel: string): Promise<ClusterNode> {
  return cluster().masterOf(calculateSlot(channel));
}

describe('on a Cluster', () => {
  let watched: WatchedChannels;

  beforeEach(async () => {
    await cluster().healthy();
    watched = await WatchedChannels.open({ redis: { nodes: cluster().nodes } }, 300);
    await watched.expectAllToArrive();
  });
  afterEach(async () => {
    await watched.close();
  });

  it('when a master dies, its channels are unsubscribed and the state shows that until its replica takes over', async () => {
    const victim = await masterOf(first);
    const masters = await Promise.all(watched.channels.map(masterOf));
    const lost = watched.channels.filter((_, index) => masters[index] === victim);
    const kept = watched.channels.filter((name) => !lost.includes(name));

    await victim.server.kill();
    await watched.reach('degraded');
    const { pubSub } = watched.receiver;
    expect(lost.filter((name) => pubSub.isSubscribed(name))).toEqual([]);
    expect(kept.filter((name) => !pubSub.isSubscribed(name))).toEqual([]);
    await expect(watched.sender.pubSub.publish(first, Buffer.from('x'))).rejects.toMatchObject({
      code: 'redis.unavailable',
    });

    await watched.reach('ready');
    await watched.expectAllToArrive();
    watched.expectOneOutageInTheLog();

    await victim.server.restart();
    await cluster().healthy();
    await watched.expectAllToArrive();
  });

  it('a master that stops replying is replaced by its replica', async () => {
    const victim = await masterOf(first);
    process.kill(Number(victim.server.pid), 'SIGSTOP');
    try {
      await watched.reach('degraded');
      await watched.reach('ready');
      await watched.expectAllToArrive();
    } finally {
      process.kill(Number(victim.server.pid), 'SIGCONT');
    }
    await cluster().healthy();
    await expect(watched.expectAllToArrive()).resolves.toBeUndefined();
    watched.expectOneOutageInTheLog();
  });

  it('a slot that moves to another master takes its channels along', async () => {
    const slot = String(calculateSlot(first));
    const from = await masterOf(first);
    const masters = await Promise.all(watched.channels.map(masterOf));
    const to = masters.find((node) => node !== from);
    if (to === undefined) throw new Error('all channels are on one master');
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    for (const { admin } of [to, from]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);

    const { sender, receiver } = watched;
    await until(
      async () => (await sender.pubSub.publish(first, Buffer.from('moved?'))) === 1,
      () => 'the channel to be subscribed at its new master',
    );
    await watched.reach('ready');
    expect(receiver.pubSub.isSubscribed(first)).toBe(true);
    await watched.expectAllToArrive();
  });

  it('an outage of the whole Cluster is one outage, too', async () => {
    const { members } = cluster();
    await Promise.all(members.map(({ server }) => server.kill()));
    await watched.reach('degraded');
    const { sender, receiver } = watched;
    await until(
      () => !watched.channels.some((name) => receiver.pubSub.isSubscribed(name)),
      () => 'all channels to be unsubscribed',
    );
    await expect(sender.pubSub.publish(first, Buffer.from('x'))).rejects.toMatchObject({
      code: 'redis.unavailable',
    });

    await Promise.all(members.map(({ server }) => server.restart()));
    await watched.reach('ready');
    await watched.expectAllToArrive();
    watched.expectOneOutageInTheLog();
  });
});
