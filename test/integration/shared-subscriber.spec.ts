import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis as Redis6 } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-v5';
import { PlainGateway } from '../support/plain-gateway.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

describe.each([
  ['ioredis 6', () => new Redis6(testRedisUrl())],
  ['ioredis 5', () => new Redis5(testRedisUrl()) as unknown as Redis6],
])('an app that uses its borrowed subscriber itself, of %s', (_, createClient) => {
  let cluster: TestCluster;
  const clients: Redis6[] = [];
  afterEach(async () => {
    await cluster.close();
    for (const client of clients.splice(0)) client.disconnect();
  });

  const start = async () => {
    const [publisher, subscriber] = [createClient(), createClient()];
    clients.push(publisher, subscriber);
    await until(
      () => publisher.status === 'ready' && subscriber.status === 'ready',
      () => 'the clients of the app',
    );
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured((index) =>
        index === 0
          ? {
              redis: { publisher, subscriber },
            }
          : {},
      )
      .start();
    const alice = await cluster.instance(0).connect({ token: 'alice' });
    await alice.ask('join', 'lobby');
    return { subscriber, publisher, alice };
  };
  const roomChannel = (): string => cluster.channel('room:lobby');

  it.each<[string, (subscriber: Redis6, channel: () => string) => Promise<unknown>]>([
    ['unsubscribe() from all', (subscriber) => subscriber.unsubscribe()],
    ['punsubscribe() from all', (subscriber) => subscriber.punsubscribe()],
    [
      'unsubscribe() from a channel of ours',
      (subscriber, channel) => subscriber.unsubscribe(channel()),
    ],
    [
      'a channel of ours, as bytes, in a pipeline',
      (subscriber, channel) => subscriber.pipeline().unsubscribe(Buffer.from(channel())).exec(),
    ],
    // Not in capitals: some versions of ioredis refuse those on a subscribed connection.
    ['call("unsubscribe")', (subscriber) => subscriber.call('unsubscribe')],
    [
      'subscribe() to a channel of ours, and unsubscribe()',
      async (subscriber, channel) => {
        await subscriber.subscribe(channel());
        await subscriber.unsubscribe(channel());
      },
    ],
  ])('with %s still gets everything, and a log line reports it', async (what, unsubscribe) => {
    const { subscriber, publisher, alice } = await start();
    await subscriber.subscribe('app:news');
    await subscriber.psubscribe('app:p:*');
    const heard: string[] = [];
    subscriber.on('message', (channel) => heard.push(channel));

    await unsubscribe(subscriber, roomChannel);
    const { propagator } = cluster.instance(1);
    await propagator.emitToRoom({ room: 'lobby', event: 'n', data: 'room' });
    await propagator.emitToUser({ userId: 'alice', event: 'n', data: 'user' });
    await alice.waitFor('n');
    await cluster.settled(alice);

    expect(alice.data('n')).toEqual(['room', 'user']);
    // Subscriptions of the app itself end on request.
    const [, own] = (await publisher.pubsub('NUMSUB', 'app:news')) as [string, number];
    const gone = what.includes('from all') && !what.startsWith('p');
    expect(own).toBe(gone || what.startsWith('call') ? 0 : 1);
    expect(await publisher.publish('app:p:x', 'x')).toBe(what.startsWith('punsubscribe') ? 0 : 1);
    expect(cluster.instance(0).counts['subscriber.shared'] ?? 0).toBe(
      what.startsWith('punsubscribe') ? 0 : 1,
    );
    expect(cluster.instance(0).redis.state).toBe('ready');
    // Later subscriptions work as well.
    await alice.ask('join', 'later');
    await propagator.emitToRoom({ room: 'later', event: 'n', data: 'later' });
    await cluster.settled(alice);
    expect(alice.data('n')).toEqual(['room', 'user', 'later']);
  });
});
