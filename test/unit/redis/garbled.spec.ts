import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

describe('when the network garbles bytes of Redis', () => {
  let proxy: TcpProxy;
  let receiver: WatchedPubSub;
  let sender: WatchedPubSub;

  beforeEach(async () => {
    proxy = await TcpProxy.to(testRedisUrl());
    receiver = watchedPubSub({ redis: proxy.url });
    sender = watchedPubSub({ redis: testRedisUrl() });
    await Promise.all([receiver, sender].map(({ pubSub }) => pubSub.connect()));
  });
  afterEach(async () => {
    await Promise.all([receiver, sender].map(({ pubSub }) => pubSub.close()));
    await proxy.close();
  });

  it('no message arrives after a lost one until the outage is reported', async () => {
    const { received, pubSub } = receiver;
    const channel = `garbled-${Math.random()}`;
    await pubSub.subscribe(channel);
    let before: readonly string[] | undefined;
    pubSub.onInterruption(() => (before ??= [...received]));
    proxy.garbleNext(true);
    await until(
      async () => {
        await sender.pubSub.publish(channel, Buffer.from('x'));
        return before !== undefined;
      },
      () => 'the outage',
    );
    expect(before).toEqual([]);

    await receiver.reaches('ready');
    await sender.pubSub.publish(channel, Buffer.from('last'));
    await until(
      () => received.at(-1) === `${channel} last`,
      () => 'the message after the outage',
    );
  });

  it('counts and reports each message that it drops because earlier ones may be missing', async () => {
    const { received, pubSub, clients, reporter, logger } = receiver;
    const channel = `garbled-${Math.random()}`;
    await pubSub.subscribe(channel);
    const { stream } = clients.subscriber as unknown as { stream: object };
    // As after bytes that ioredis cannot read, until the connection is closed.
    Object.defineProperty(stream, 'writableEnded', { value: true, configurable: true });
    for (const message of ['a', 'b']) await sender.pubSub.publish(channel, Buffer.from(message));
    await until(
      () => reporter.counts()['connection.given-up'] === 2,
      () => JSON.stringify(reporter.counts()),
    );
    Reflect.deleteProperty(stream, 'writableEnded');
    await sender.pubSub.publish(channel, Buffer.from('c'));
    await receiver.receives(1);
    expect(received).toEqual([`${channel} c`]);
    expect(reporter.counts()).toMatchObject({ 'connection.given-up': 2 });
    expect(logger.matching(/given-up/)).toEqual([
      expect.stringContaining(`a message of channel ${channel} was dropped`),
    ]);
  });

  it('a publish whose reply is garbled is one that Redis may not have received', async () => {
    const { pubSub } = receiver;
    proxy.garbleNext(false);
    await expect(pubSub.publish('any', Buffer.from('x'))).rejects.toMatchObject({
      code: 'redis.unavailable',
    });
    await until(
      async () => (await pubSub.publish('any', Buffer.from('x'))) === 0,
      () => 'a publish over another connection',
    );
  });
});
