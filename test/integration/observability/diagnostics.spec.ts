import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from '@jest/globals';
import { DiagnosticsService, type Diagnostics } from '../../../src/index.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import {
  givenCluster,
  testRedisUrl,
  TOKEN_IS_USER,
  type TestCluster,
} from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

const versionOf = (file: string) =>
  (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;

const of = (instance: TestInstance): Diagnostics =>
  instance.app.get(DiagnosticsService).diagnostics();
const isCutOff = ({ connections }: Diagnostics) =>
  !connections.publisher && !connections.subscriber;

describe('the diagnostics of an instance', () => {
  let cluster: TestCluster;
  let redis: RunningRedis | undefined;
  afterEach(async () => {
    await cluster.close();
    await redis?.stop();
    redis = undefined;
  });
  it('are one JSON object with the whole state', async () => {
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured({ publishTimeoutMs: 5_000 })
      .start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    await a.connect({ token: 'alice' });
    await a.connect();
    await a.propagator.emitToAll({ event: 'x' });
    await expect(a.propagator.emitToAll({ event: '' })).rejects.toMatchObject({
      code: 'event.invalid-name',
    });
    await until(
      () => of(a).members.length === 2 && of(a).versions.redis !== null,
      () => 'the other member and the version of Redis',
    );
    const client = new Redis(testRedisUrl());
    const [, redisVersion] = /redis_version:(\S+)/.exec(await client.info('server')) ?? [];
    client.disconnect();

    const told = of(a);
    expect(told.versions).toEqual({
      library: versionOf('package.json'),
      node: process.versions.node,
      socketIo: versionOf('node_modules/socket.io/package.json'),
      redis: redisVersion,
    });
    expect(told).toMatchObject({
      instance: { pid: process.pid, sockets: 2, users: 1 },
      state: 'ready',
      unready: null,
      connections: { publisher: true, subscriber: true },
      counts: { 'emit.refused': 1 },
      traffic: { sent: { all: { events: 1 }, user: { events: 0 } } },
      sockets: { connected: 2, authenticated: 1, users: 1, byNamespace: { '/': 2 } },
      load: { overloaded: false },
      outbox: { events: 0, bytes: 0 },
      repair: { underway: false, heldBytes: 0 },
      presence: { enabled: true, leased: true },
      options: { prefix: cluster.prefix, publishTimeoutMs: 5_000, transport: 'redis: one server' },
    });
    expect(told.members.map(({ instanceId }) => instanceId)).toEqual([
      told.instance.instanceId,
      of(b).instance.instanceId,
    ]);
    expect(told.subscriptions).toBeGreaterThan(0);
    expect(told.uptimeMs).toBeGreaterThan(0);
    expect(told.heardItselfMs).toBeGreaterThanOrEqual(0);
    expect(JSON.parse(JSON.stringify(told))).toEqual(told);
    // An earlier result does not change.
    await a.propagator.emitToAll({ event: 'x' });
    expect(told.traffic.sent.all.events).toBe(1);
  });

  it('contain no secrets', async () => {
    redis = await startOwnRedis(['--requirepass', 'hunter2']);
    cluster = await givenCluster()
      .of(1)
      .with(PlainGateway)
      .onRedis(`redis://:hunter2@127.0.0.1:${redis.port}`)
      .configured({
        secret: 'correct-horse-battery-staple-0123456789',
        auth: { ...TOKEN_IS_USER, timeoutMs: 1_234 },
      })
      .start();
    const instance = cluster.instance(0);
    await instance.connect({ token: 'very-secret-user' });
    const text = JSON.stringify(of(instance));
    for (const secret of ['hunter2', 'correct-horse', 'very-secret-user']) {
      expect(text).not.toContain(secret);
    }
    expect(of(instance).options).toMatchObject({
      secret: '(set)',
      auth: { timeoutMs: 1_234, authenticate: '(set)' },
    });
  });

  it('describe an outage', async () => {
    redis = await startOwnRedis();
    cluster = await givenCluster().of(1).onRedis(redis.url).start();
    const instance = cluster.instance(0);
    await redis.kill();
    await until(
      () => isCutOff(of(instance)),
      () => 'both connections gone',
    );
    const sent = instance.propagator.emitToAll({ event: 'x' });
    expect(of(instance)).toMatchObject({
      state: 'degraded',
      outbox: { events: 1 },
      repair: { underway: true },
    });
    await redis.restart();
    await sent;
    await until(
      () => !of(instance).repair.underway && of(instance).presence.leased,
      () => 'repaired',
    );
    expect(of(instance).repair.repairs).toBeGreaterThanOrEqual(1);
  });

  it('also work without Redis', async () => {
    cluster = await givenCluster().of(1).onInMemoryPubSub().configured({ presence: false }).start();
    const instance = cluster.instance(0);
    expect(of(instance)).toMatchObject({
      versions: { redis: null },
      state: 'ready',
      options: { transport: 'pubSub: InMemoryPubSub', presence: null },
      presence: { enabled: false, leased: false },
    });
    await instance.close();
    expect(of(instance)).toMatchObject({ unready: 'closed', sockets: { connected: 0 } });
  });
});
