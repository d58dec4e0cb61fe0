import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startSentinel } from '../../scripts/redis/topologies/sentinel.mjs';
import { until } from '../support/until.js';
import { started } from './support/started.js';
import { WatchedChannels } from './support/watched-channels.js';

const sentinel = started(startSentinel);

describe('behind Sentinels', () => {
  let watched: WatchedChannels;

  beforeEach(async () => {
    await sentinel().healthy();
    const { sentinels, name } = sentinel();
    watched = await WatchedChannels.open({ redis: { sentinels, name } }, 300);
    await watched.expectAllToArrive();
  });
  afterEach(async () => {
    await watched.close();
  });

  it('a master that dies is one outage, which ends when its replica takes over', async () => {
    const victim = await sentinel().master();
    await victim.kill();
    await watched.reach('degraded');
    await until(
      () => !watched.channels.some((name) => watched.receiver.pubSub.isSubscribed(name)),
      () => 'all channels to be unsubscribed',
    );
    await expect(watched.sender.pubSub.publish('x', Buffer.from('x'))).rejects.toMatchObject({
      code: 'redis.unavailable',
    });

    await watched.reach('ready');
    await watched.expectAllToArrive();
    watched.expectOneOutageInTheLog();

    await victim.restart();
    await sentinel().healthy();
    await watched.expectAllToArrive();
  });

  it('a master that is told to step down is left for the new one', async () => {
    const old = await sentinel().master();
    await sentinel().failOver();
    await until(
      async () => (await sentinel().master()) !== old,
      () => 'another master',
      60_000,
    );
    await until(
      async () => {
        await watched.reach('ready');
        return (await watched.subscribersAt(await sentinel().master())) > 0;
      },
      () => 'the channels at the new master',
      60_000,
    );
    await watched.reach('ready');
    await expect(watched.expectAllToArrive()).resolves.toBeUndefined();
  });
});
