import { NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  RedisPropagatorModule,
  type PresenceService,
  type PubSub,
  type RedisPropagatorOptions,
} from '../../../src/index.js';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import { TOKEN_IS_USER } from '../../support/test-cluster.js';

/** A transport of an app with only the methods that the port requires. */
function ownTransport(): PubSub {
  const inner = new InMemoryPubSub();
  return {
    state: 'ready',
    state$: inner.state$,
    connect: () => inner.connect(),
    publish: (channel, message) => inner.publish(channel, message),
    subscribe: (channel) => inner.subscribe(channel),
    unsubscribe: (channel) => inner.unsubscribe(channel),
    isSubscribed: (channel) => inner.isSubscribed(channel),
    onMessage: (listener) => inner.onMessage(listener),
    close: () => inner.close(),
  };
}

const questions: [string, (service: PresenceService) => Promise<unknown>][] = [
  ['isOnline', (service) => service.isOnline('bob')],
  ['areOnline', (service) => service.areOnline(['bob'])],
  ['onlineUsers', (service) => service.onlineUsers()],
  ['count', (service) => service.count()],
  ['lastSeen', (service) => service.lastSeen('bob')],
  ['statusOf', (service) => service.statusOf('bob')],
  ['setStatus', (service) => service.setStatus('bob', 'away')],
];

describe.each<[string, () => RedisPropagatorOptions]>([
  ['switched off', () => ({ presence: false })],
  ['not possible over this transport', () => ({ redis: undefined, pubSub: ownTransport() })],
])('presence that is %s', (_, options) => {
  let presence: PresenceCluster | undefined;
  afterEach(() => presence?.close());

  it('does not affect other features, and rejects with a code', async () => {
    presence = await PresenceCluster.start('Redis', 1, options());
    const service = presence.service(0);
    let isOver = false;
    service.changes$.subscribe({ complete: () => (isOver = true) });
    const alice = await presence.connect(0, 'alice');
    const { propagator } = presence.cluster.instance(0);
    expect(await propagator.emitToUser({ userId: 'alice', event: 'hello' })).toMatchObject({
      localSockets: 1,
    });
    await alice.waitFor('hello');

    for (const [, ask] of questions) {
      const refused = ask(service);
      await expect(refused).rejects.toMatchObject({ code: 'presence.unavailable' });
      await expect(refused).rejects.toThrow(/switched off, or the transport/);
    }
    expect(() => service.watch()).toThrow(/presence\.unavailable/);
    expect(isOver).toBe(true);
    expect(presence.cluster.instance(0).counts).toEqual({});
  });

  it('prevents the start of an app that limits sockets', async () => {
    const auth = { ...TOKEN_IS_USER, maxSocketsPerUser: 3 };
    const imports = [RedisPropagatorModule.forRoot({ ...options(), auth })];
    const starting = NestFactory.createApplicationContext(
      { module: class {}, imports },
      { logger: false, abortOnError: false },
    );
    await expect(starting).rejects.toMatchObject({ code: 'option.invalid' });
    await expect(starting).rejects.toThrow(/"auth\.maxSocketsPerUser": got 3, with/);
  });
});

describe('presence without Redis', () => {
  let redis: RunningRedis;
  let presence: PresenceCluster;
  afterEach(async () => {
    await presence.close();
    await redis.stop();
  });

  it('rejects with redis.unavailable, knows its own users, and is correct once Redis is back', async () => {
    redis = await startOwnRedis();
    const { url } = redis;
    presence = await PresenceCluster.start('Redis', 2, {
      redis: url,
      presence: { graceMs: 0, leaseMs: 500 },
      subscribeTimeoutMs: 50,
      heartbeatIntervalMs: 100,
    });
    await presence.connect(0, 'alice');
    await presence.reports('online alice');
    await redis.kill();
    await presence.everywhere('degraded');

    const service = presence.service(0);
    for (const [, ask] of questions) {
      await expect(ask(service)).rejects.toMatchObject({ code: 'redis.unavailable' });
    }
    expect(await service.isOnline('alice')).toBe(true);
    expect(await service.areOnline(['alice'])).toEqual(new Map([['alice', true]]));
    const before = Date.now();
    expect(await service.lastSeen('alice')).toBeGreaterThanOrEqual(before);
    const bob = await presence.connect(0, 'bob');
    expect(await service.isOnline('bob')).toBe(true);
    await bob.closed();
    expect(presence.lines).toEqual(['online alice']);

    await redis.restart();
    await presence.everywhere('ready');
    await presence.isOnline('alice', true, 1);
    // Whether bob's visit counts was not certain before the other instances could report.
    await presence.reports('online alice', 'online bob', 'offline bob');
    await presence.settled();
    expect(await presence.service(1).count()).toBe(1);
    expect(presence.lines).toEqual(['online alice', 'online bob', 'offline bob']);
  });

  it('an app that starts without Redis takes part as soon as it is there', async () => {
    redis = await startOwnRedis();
    const { url } = redis;
    await redis.kill();
    presence = await PresenceCluster.start('Redis', 2, {
      redis: url,
      presence: { graceMs: 0 },
      connectTimeoutMs: 50,
      subscribeTimeoutMs: 50,
    });
    await presence.connect(0, 'alice');
    expect(presence.lines).toEqual([]);
    await redis.restart();
    await presence.everywhere('ready');
    await presence.reports('online alice');
    await presence.isOnline('alice', true, 1);
    await presence.settled();

    expect(presence.lines).toEqual(['online alice']);
  });
});
