import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Receipt } from '../../src/index.js';
import { AppProcess, type ProcessOptions } from '../support/app-process.js';
import { startOwnRedis } from '../support/own-redis.js';
import { ExternalClient } from '../support/external-client.js';
import { quietPort } from '../../scripts/redis/topologies/ports.mjs';
import { TestClient, type ConnectOptions } from '../support/test-client.js';
import { testRedisUrl } from '../support/test-cluster.js';
import { until } from '../support/until.js';

const ENDED_WELL = { code: 0, stderr: '' };

describe('instances in separate processes', () => {
  let prefix: string;
  let apps: AppProcess[] = [];
  let clients: TestClient[] = [];
  beforeEach(() => {
    prefix = `test-${randomUUID()}`;
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    for (const app of apps.splice(0)) app.kill();
  });

  // For the tests that end no process themselves, and for the one that closes both.
  const pairPrefix = `test-${randomUUID()}`;
  let a: AppProcess;
  let b: AppProcess;
  beforeAll(async () => {
    const options = { redis: testRedisUrl(), prefix: pairPrefix };
    [a, b] = await Promise.all([AppProcess.start(options), AppProcess.start(options)]);
  });
  afterAll(() => {
    for (const app of [a, b]) app.kill();
  });

  const start = async (
    size: number,
    redis = testRedisUrl(),
    options: ProcessOptions = {},
  ): Promise<AppProcess[]> => {
    const one = () => AppProcess.start({ redis, prefix, ...options });
    apps = await Promise.all(Array.from({ length: size }, one));
    return apps;
  };
  const connect = async (app: AppProcess, options: ConnectOptions): Promise<TestClient> => {
    const client = await TestClient.connect(app.url, options);
    clients.push(client);
    return client;
  };

  it('send a user’s events to the sockets of that user on the other instance, and to nobody else', async () => {
    const origin = await connect(a, { token: 'alice' });
    const others = [await connect(a, { token: 'alice' }), await connect(b, { token: 'alice' })];
    const strangers = [await connect(a, { token: 'bob' }), await connect(b, {})];

    origin.emit('stream');
    await origin.waitFor('events', 3);
    expect(await a.emit('emitToUser', { userId: 'alice', event: 'user', data: 1 })).toEqual({
      localSockets: 2,
      remoteInstances: 1,
      reached: true,
    });
    expect(await a.emit('emitToAuthenticated', { event: 'known', data: 2 })).toEqual({
      localSockets: 3,
      remoteInstances: 1,
      reached: true,
    });
    expect(await a.emit('emitToAll', { event: 'done' })).toMatchObject({ remoteInstances: 1 });

    await Promise.all(clients.map((client) => client.waitFor('done')));
    for (const client of [origin, ...others]) {
      expect(client.received.map(({ event, args }) => [event].concat(args as []))).toEqual([
        ['events', 1],
        ['events', 2],
        ['events', 3],
        ['user', 1],
        ['known', 2],
        ['done'],
      ]);
    }
    expect(strangers[0]?.events).toEqual(['known', 'done']);
    expect(strangers[1]?.events).toEqual(['done']);
  });

  // Nest closes the adapter once per server and once per namespace. An open Redis client would keep the process
  // alive.
  it('end by themselves once the app is closed, with clients connected, and leave nothing in Redis', async () => {
    const external = new ExternalClient();
    await connect(a, { token: 'alice' });
    await connect(b, { token: 'alice', transports: ['polling'] });
    expect((await external.channels(pairPrefix)).length).toBeGreaterThan(0);

    expect(await Promise.all([a.close(), b.close()])).toEqual([ENDED_WELL, ENDED_WELL]);

    await until(
      async () => (await external.channels(pairPrefix)).length === 0,
      () => 'Redis to have no channel of theirs',
    );
    external.close();
  });

  it('leave their users offline when they are killed', async () => {
    const [survivor, killed] = (await start(2)) as [AppProcess, AppProcess];
    await connect(killed, { token: 'alice' });

    killed.kill();

    const offline = { localSockets: 0, remoteInstances: 0, reached: false };
    const emit = () => survivor.emit('emitToUser', { userId: 'alice', event: 'x' });
    await until(
      async () => !((await emit()) as Receipt).reached,
      () => 'alice to be offline',
    );
    expect(await emit()).toEqual(offline);
  });

  // An unhandled rejection or an uncaught error would end the process.
  it('survive an outage of Redis, failing events that are not awaited, and invalid bytes', async () => {
    const redis = await startOwnRedis([], { port: await quietPort() });
    const [app] = (await start(1, redis.url)) as [AppProcess];
    const alice = await connect(app, { token: 'alice' });
    const external = new ExternalClient(redis.url);
    await external.publish(`${prefix}:/:all`, '{"event":');
    await external.publish(`${prefix}:/:all`, 'noise');
    external.close();
    app.emitAndForget('emitToAll', { event: 'disconnect' });
    app.emitAndForget('emitToUser', { event: 'x' });

    await redis.kill();
    app.emitAndForget('emitToAll', { event: 'x', data: 1 });
    alice.emit('stream');
    await alice.waitFor('events', 3);
    await until(
      async () => {
        const answer = (await app.emit('emitToAll', {
          event: 'x',
          data: 2,
          publish: 'fail-fast',
        })) as {
          code?: string;
        };
        return answer.code === 'redis.unavailable';
      },
      () => 'the process to notice',
    );

    expect(alice.data('x').at(0)).toBe(1);
    expect(await app.close()).toEqual(ENDED_WELL);
    await redis.stop();
  });

  it('end by themselves, too, if they never find Redis', async () => {
    const [app] = (await start(1, `redis://127.0.0.1:${await quietPort()}`, {
      subscribeTimeoutMs: 50,
    })) as [AppProcess];
    expect(await app.close()).toEqual(ENDED_WELL);
  });
});
