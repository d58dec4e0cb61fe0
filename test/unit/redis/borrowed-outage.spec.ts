import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis as Redis6 } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-v5';
import { BorrowedClients, type AppClient } from '../../support/borrowed-clients.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { until } from '../../support/until.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

const message = Buffer.from('hello');

interface Options {
  autoResubscribe?: boolean;
  autoResendUnfulfilledCommands?: boolean;
  retryStrategy?: () => number;
}

/** Ways in which an app may have configured its clients. */
const kinds: [string, Options][] = [
  ['the defaults', {}],
  ['autoResubscribe off', { autoResubscribe: false }],
  ['autoResendUnfulfilledCommands off', { autoResendUnfulfilledCommands: false }],
];
const versions: [string, (url: string, options: Options) => AppClient][] = [
  ['ioredis 6', (url, options) => new Redis6(url, options)],
  ['ioredis 5', (url, options) => new Redis5(url, options)],
];
const cases = versions.flatMap(([version, create]) =>
  kinds.map(([kind, options]) => [version, kind, create, options] as const),
);

describe.each(cases)('an outage with borrowed clients of %s, %s', (_, __, create, options) => {
  let redis: RunningRedis;
  let borrowed: BorrowedClients;
  let watched: WatchedPubSub;

  beforeEach(async () => {
    redis = await startOwnRedis();
    const make = () => {
      const client = create(redis.url, { retryStrategy: () => 20, ...options });
      client.on('error', () => {});
      return client;
    };
    borrowed = await BorrowedClients.of(make, `app:${randomUUID()}`);
    watched = watchedPubSub({
      redis: borrowed.clients,
      publishTimeoutMs: 20_000,
      subscribeTimeoutMs: 20_000,
    });
    await watched.pubSub.connect();
    await watched.pubSub.subscribe('a');
  });
  afterEach(async () => {
    await watched.pubSub.close();
    borrowed.disconnect();
    await redis.stop();
  });

  const outage = async (during: () => void | Promise<void>) => {
    await redis.kill();
    await watched.reaches('degraded');
    await during();
    await redis.restart();
  };

  it('ends with all wanted channels subscribed, and no others', async () => {
    const { pubSub, states } = watched;
    await pubSub.subscribe('kept');
    let late: Promise<void> | undefined;
    await outage(() => {
      pubSub.unsubscribe('a');
      late = pubSub.subscribe('late');
    });
    await watched.reaches('ready');
    await late;
    expect(await pubSub.publish('a', message)).toBe(0);
    expect(await pubSub.publish('kept', message)).toBe(1);
    expect(await pubSub.publish('late', message)).toBe(1);
    await watched.receives(2);
    expect(watched.received).toEqual(['kept hello', 'late hello']);
    expect(states).toEqual(['connecting', 'ready', 'degraded', 'ready']);
    expect([borrowed.clients.publisher.status, borrowed.clients.subscriber.status]).toEqual([
      'ready',
      'ready',
    ]);
  });

  it('that interrupts a SUBSCRIBE ends with that channel subscribed', async () => {
    const { pubSub } = watched;
    process.kill(redis.pid ?? 0, 'SIGSTOP');
    const underWay = pubSub.subscribe('under way');
    await until(
      () => commandsUnderWay(borrowed.clients.subscriber) > 0,
      () => 'the SUBSCRIBE to go out',
    );
    await outage(() => {});
    await watched.reaches('ready');
    await underWay;
    expect(await pubSub.publish('under way', message)).toBe(1);
    expect(await pubSub.publish('a', message)).toBe(1);
  });

  it('that begins while the transport closes, and outlasts all retries, leaves none of our channels', async () => {
    const { publisher, subscriber } = borrowed.clients;
    let closes = 0;
    subscriber.on('close', () => closes++);
    process.kill(redis.pid ?? 0, 'SIGSTOP');
    const closing = watched.pubSub.close();
    await redis.kill();
    // By default ioredis gives up a command after 20 attempts to connect.
    await until(
      () => closes > 25,
      () => `more attempts to connect, there were ${closes}`,
    );
    await closing;
    await redis.restart();
    await until(
      () => publisher.status === 'ready' && subscriber.status === 'ready',
      () => 'the clients to be back',
    );
    await subscriber.subscribe('of the app');
    expect(await publisher.publish('a', message)).toBe(0);
    expect(subscriber.listenerCount('ready')).toBe(0);
  });

  it('during which the transport closes leaves the clients of the app without our channels', async () => {
    await outage(() => watched.pubSub.close());
    const { publisher, subscriber } = borrowed.clients;
    await until(
      () => publisher.status === 'ready' && subscriber.status === 'ready',
      () => 'the clients to be back',
    );
    // Answered after ioredis has resubscribed by itself, and after all commands that we left to it.
    await subscriber.subscribe('of the app');
    expect(await publisher.publish('of the app', message)).toBe(1);
    expect(await publisher.publish('a', message)).toBe(0);
  });
});

/** Commands that ioredis has sent without a reply. */
function commandsUnderWay(client: AppClient): number {
  return (client as unknown as { commandQueue: { length: number } }).commandQueue.length;
}
