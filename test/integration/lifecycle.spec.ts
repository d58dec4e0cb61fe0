import { Injectable, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayDisconnect } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as RedisOfVersion5 } from 'ioredis-v5';
import { randomUUID } from 'node:crypto';
import {
  RedisPropagatorService,
  REDIS_PUBLISHER_CLIENT,
  REDIS_SUBSCRIBER_CLIENT,
  type AuthenticatedSocket,
  type RedisClient,
} from '../../src/index.js';
import { ExternalClient } from '../support/external-client.js';
import { quietPort } from '../../scripts/redis/topologies/ports.mjs';
import { TestClient } from '../support/test-client.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

@WebSocketGateway()
class RootGateway {}

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {}

@WebSocketGateway({ namespace: /^\/tenant-\d+$/, cleanupEmptyChildNamespaces: true })
class TenantGateway {}

const receipts: unknown[] = [];

@WebSocketGateway()
class ParentingGateway implements OnGatewayDisconnect<AuthenticatedSocket> {
  constructor(private readonly propagator: RedisPropagatorService) {}

  async handleDisconnect(client: AuthenticatedSocket): Promise<void> {
    const { userId = '' } = client.data;
    const toAll = this.propagator.emitToAll({ event: 'left', data: userId });
    const toUser = this.propagator.emitToUser({ userId, event: 'are you there' });
    receipts.push(await toAll, await toUser);
  }
}

@Injectable()
class LastWords implements OnModuleDestroy, BeforeApplicationShutdown {
  constructor(private readonly propagator: RedisPropagatorService) {}

  onModuleDestroy(): void {
    void this.propagator.emitToAll({ event: 'last words', data: 'onModuleDestroy' });
  }

  beforeApplicationShutdown(): void {
    void this.propagator.emitToAll({ event: 'last words', data: 'beforeApplicationShutdown' });
  }
}

/** Connections with a name of their own, to tell them from those of other tests. */
function namedConnection() {
  const { hostname, port } = new URL(testRedisUrl());
  return { host: hostname, port: Number(port), connectionName: `test-${randomUUID()}` };
}

describe('the end of an app', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  const borrowed: RedisClient[] = [];
  beforeEach(() => {
    receipts.length = 0;
    external = new ExternalClient();
  });
  afterEach(async () => {
    await cluster.close();
    external.close();
    for (const client of borrowed.splice(0)) client.disconnect();
  });

  const noChannels = () =>
    until(
      async () => (await external.channels(cluster.prefix)).length === 0,
      () => 'Redis to have no channel of the app',
    );

  // Nest closes the adapter once per server and once per namespace. An open client would keep the process alive.
  it('leaves no connection, channel or port, with gateways in several namespaces and on several ports', async () => {
    const port = await quietPort();
    @WebSocketGateway(port)
    class OwnPortGateway {}
    const redis = namedConnection();
    cluster = await givenCluster()
      .of(2)
      .with(RootGateway, ChatGateway, TenantGateway)
      .configured({ redis })
      .start();
    const third = await givenCluster()
      .of(1)
      .with(OwnPortGateway, RootGateway)
      .configured({ redis })
      .start();
    for (const [index, namespace] of ['', '/chat', '/tenant-1'].entries()) {
      await cluster.instance(index % 2).connect({ token: 'alice', namespace });
    }
    expect(await external.connections(redis.connectionName)).toBe(9);

    await Promise.all([cluster.close(), third.close()]);

    await noChannels();
    await until(
      async () => (await external.connections(redis.connectionName)) === 0,
      () => 'Redis to have no connection of the app',
    );
    await expect(TestClient.connect(`http://127.0.0.1:${port}`)).rejects.toThrow('websocket error');
    for (const {
      redis: { state },
    } of cluster.instances)
      expect(state).toBe('closed');
  });

  // Borrowed clients must stay open and keep no listeners of the library.
  it.each<[version: string, client: (url: string) => RedisClient]>([
    ['6', (url) => new Redis(url)],
    ['5', (url) => new RedisOfVersion5(url)],
  ])('leaves borrowed clients of ioredis %s open and unchanged', async (_version, client) => {
    const publisher = client(testRedisUrl());
    const subscriber = client(testRedisUrl());
    borrowed.push(publisher, subscriber);
    const own = `test-${randomUUID()}`;
    const heard: string[] = [];
    await subscriber.subscribe(own);
    subscriber.on('message', (channel: string, message: string) => {
      if (channel === own) heard.push(message);
    });
    const listeners = () =>
      [publisher, subscriber].map((each) =>
        (each as unknown as Redis).eventNames().map(String).sort(),
      );
    await until(
      () => !listeners().flat().includes('ready'),
      () => 'ioredis to have taken back what it listens to while it connects',
    );
    const before = listeners();
    cluster = await givenCluster()
      .of(1)
      .with(RootGateway, TenantGateway)
      .configured({ redis: { publisher, subscriber }, recovery: { persist: true } })
      .start();
    // Node warns of a leak at 11 listeners, and two apps may share a publisher.
    expect((publisher as unknown as Redis).listenerCount('close')).toBeLessThanOrEqual(5);
    expect(cluster.instance(0).app.get(REDIS_PUBLISHER_CLIENT)).toBe(publisher);
    expect(cluster.instance(0).app.get(REDIS_SUBSCRIBER_CLIENT)).toBe(subscriber);
    const alice = await cluster.instance(0).connect({ token: 'alice' });
    await external.publish(cluster.channel('user:alice'), { event: 'x', data: 1 });
    expect(await alice.waitFor('x')).toEqual([1]);
    // A listener for each namespace makes Node warn of a leak at 11.
    for (let tenant = 0; tenant < 12; tenant++) {
      await cluster.instance(0).connect({ namespace: `/tenant-${tenant}` });
    }
    expect((subscriber as unknown as Redis).listenerCount('messageBuffer')).toBe(1);

    await cluster.close();

    await noChannels();
    expect([publisher.status, subscriber.status]).toEqual(['ready', 'ready']);
    expect(listeners()).toEqual(before);
    expect(await publisher.publish(own, Buffer.from('still here'))).toBe(1);
    await until(
      () => heard.length > 0,
      () => 'the app’s own channel',
    );
    expect(heard).toEqual(['still here']);
  });

  // Channels and listeners must not stay behind when a namespace is closed.
  it('releases the channel of a dynamic namespace, and a later one works again', async () => {
    cluster = await givenCluster().of(2).with(TenantGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const emit = () => b.propagator.emitToAll({ namespace: '/tenant-1', event: 'x', data: 1 });

    for (let round = 0; round < 3; round++) {
      const client = await a.connect({ token: 'alice', namespace: '/tenant-1' });
      expect(await emit()).toEqual({ localSockets: 0, remoteInstances: 1, reached: true });
      expect(await client.waitFor('x')).toEqual([1]);
      await client.closed();
      await until(
        async () => (await external.channels(`${cluster.prefix}:/tenant-1`)).length === 0,
        () => 'the channels of the namespace to be given back',
      );
      expect(await emit()).toEqual({ localSockets: 0, remoteInstances: 0, reached: false });
    }
  });

  it('lets handleDisconnect and shutdown hooks still emit to other instances', async () => {
    cluster = await givenCluster().of(2).with(ParentingGateway, LastWords).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    await a.connect({ token: 'alice' });
    const witness = await b.connect({ token: 'bob' });

    await a.app.close();

    expect(await witness.waitFor('left')).toEqual(['alice']);
    expect(await witness.waitFor('last words', 2)).toEqual([
      'onModuleDestroy',
      'beforeApplicationShutdown',
    ]);
    expect(receipts).toEqual([
      { localSockets: 0, remoteInstances: 1, reached: true },
      { localSockets: 0, remoteInstances: 0, reached: false },
    ]);
  });

  it('makes verbs reject with a code afterwards', async () => {
    cluster = await givenCluster().of(1).with(RootGateway).start();
    const { propagator } = cluster.instance(0);
    await cluster.close();

    await expect(propagator.emitToAll({ event: 'x' })).rejects.toMatchObject({
      code: 'redis.closed',
    });
  });
});
