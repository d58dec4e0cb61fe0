import { Controller, Get, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  HealthCheck,
  HealthCheckService,
  HealthIndicatorService,
  TerminusModule,
} from '@nestjs/terminus';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  PropagatorHealthIndicator,
  RedisPropagatorModule,
  type PropagatorHealthResult,
} from '../../../src/index.js';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../../support/test-cluster.js';
import { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

class ShuttingDown implements OnApplicationShutdown {
  static seen: PropagatorHealthResult[] = [];
  constructor(readonly health: PropagatorHealthIndicator) {}
  onApplicationShutdown(): void {
    ShuttingDown.seen.push(this.health.checkReady(), this.health.checkHealth());
  }
}
const shuttingDown = {
  provide: ShuttingDown,
  useFactory: (health: PropagatorHealthIndicator) => new ShuttingDown(health),
  inject: [PropagatorHealthIndicator],
};

const healthOf = (instance: TestInstance) => instance.app.get(PropagatorHealthIndicator);

describe('the health of an instance', () => {
  let cluster: TestCluster | undefined;
  let redis: RunningRedis | undefined;
  let proxy: TcpProxy | undefined;
  afterEach(async () => {
    await cluster?.close();
    await proxy?.close();
    await redis?.stop();
    [cluster, redis, proxy] = [undefined, undefined, undefined];
  });
  it('has the same results under its old names', async () => {
    cluster = await givenCluster().of(1).onInMemoryPubSub().start();
    const health = cluster.instance(0).app.get(PropagatorHealthIndicator);
    const { heardItselfMs: _, load: __, ...ready } = health.isReady('key').key;
    expect(health.checkReady('key').key).toMatchObject(ready);
    const { heardItselfMs: ___, load: ____, ...healthy } = health.isHealthy().propagator;
    expect(health.checkHealth().propagator).toMatchObject(healthy);
  });

  it('is up, with the facts behind it', async () => {
    cluster = await givenCluster().of(1).configured({ heartbeatIntervalMs: 50 }).start();
    const health = healthOf(cluster.instance(0));
    await until(
      () => health.checkHealth().propagator.status === 'up',
      () => 'up',
    );
    const { redis: result } = health.checkHealth('redis');
    expect(result).toMatchObject({
      status: 'up',
      state: 'ready',
      connections: { publisher: true, subscriber: true, control: true },
      backlog: { events: 0, bytes: 0 },
      load: { overloaded: false, reasons: [] },
      draining: false,
    });
    expect(result.message).toBeUndefined();
    // Its own heartbeats come back: the age of the last one does not grow.
    const age = () => health.checkHealth().propagator.heardItselfMs;
    await new Promise((resolve) => setTimeout(resolve, 300));
    await until(
      () => age() < 200,
      () => `a heartbeat heard lately, not ${age()} ms ago`,
    );
  });

  it('is down while Redis is down, with the number of waiting events, and up again; it stays ready', async () => {
    redis = await startOwnRedis();
    cluster = await givenCluster().of(1).onRedis(redis.url).start();
    const [instance] = cluster.instances as [TestInstance];
    const health = healthOf(instance);

    await redis.kill();
    await until(
      () => {
        const { publisher, subscriber, control } = health.checkHealth().propagator.connections;
        return !publisher && !subscriber && !control;
      },
      () => 'all connections gone',
    );
    const sent = instance.propagator.emitToAll({ event: 'x' });
    const down = health.checkHealth().propagator;
    expect(down).toMatchObject({
      status: 'down',
      message: 'The state is "degraded": events do not pass between instances.',
      state: 'degraded',
      connections: { publisher: false, subscriber: false, control: false },
      backlog: { events: 1 },
    });
    expect(down.backlog.bytes).toBeGreaterThan(30);
    expect(health.checkReady().propagator).toMatchObject({ status: 'up', state: 'degraded' });

    await redis.restart();
    await until(
      () => health.checkHealth().propagator.status === 'up',
      () => 'up again',
    );
    await sent;
    expect(health.checkHealth().propagator.backlog).toEqual({ events: 0, bytes: 0 });
  });

  it('is down when the instance does not receive its own heartbeats, although the connections are open', async () => {
    proxy = await TcpProxy.to(testRedisUrl());
    cluster = await givenCluster()
      .of(1)
      .onRedis(proxy.url)
      // The connection would be replaced long before `memberTimeoutMs` if the heartbeats were not this far apart.
      .configured({ heartbeatIntervalMs: 150, memberTimeoutMs: 300 })
      .start();
    const health = healthOf(cluster.instance(0));
    await until(
      () => health.checkHealth().propagator.status === 'up',
      () => 'up',
    );
    proxy.deafen();
    await until(
      () => {
        const { status, state, message = '' } = health.checkHealth().propagator;
        return status === 'down' && state === 'ready' && message.includes('own heartbeats');
      },
      () => 'down, since it hears nothing',
    );
    expect(health.checkReady().propagator.status).toBe('up');
    await until(
      () => health.checkHealth().propagator.status === 'up',
      () => 'up on a new connection',
    );
  });

  it('is not ready before the start and during the shutdown', async () => {
    ShuttingDown.seen = [];
    const app = await NestFactory.create(
      {
        module: class {},
        imports: [RedisPropagatorModule.forRoot({ pubSub: new InMemoryPubSub() })],
        providers: [shuttingDown],
      },
      { logger: false },
    );
    const health = app.get(PropagatorHealthIndicator);
    expect(health.checkReady().propagator).toMatchObject({
      status: 'down',
      message: 'The instance is starting.',
    });
    await app.init();
    expect(health.checkReady().propagator.status).toBe('up');
    await app.close();
    expect(ShuttingDown.seen.map(({ propagator }) => propagator?.status)).toEqual(['down', 'down']);
    expect(health.checkReady().propagator.message).toMatch(/^The instance is (draining|closed)\.$/);
  });
});

describe('the indicator, with @nestjs/terminus,', () => {
  @Controller('health')
  class HealthController {
    constructor(
      readonly health: HealthCheckService,
      readonly propagator: PropagatorHealthIndicator,
    ) {}

    @Get()
    @HealthCheck()
    check() {
      return this.health.check([() => this.propagator.checkHealth('redis-propagator')]);
    }
  }

  it('works like any other', async () => {
    const pubSub = new InMemoryPubSub();
    const app = await NestFactory.create(
      {
        module: class {},
        imports: [
          RedisPropagatorModule.forRoot({ pubSub, logger: new MemoryLogger() }),
          TerminusModule.forRoot({ logger: false }),
        ],
        controllers: [HealthController],
      },
      { logger: false },
    );
    await app.listen(0, '127.0.0.1');
    const instance = new TestInstance(app);
    try {
      const ask = async () => {
        const response = await fetch(`${instance.url}/health`);
        return { code: response.status, body: (await response.json()) as { details: object } };
      };
      const up = await ask();
      expect(up).toMatchObject({
        code: 200,
        body: { status: 'ok', info: { 'redis-propagator': { status: 'up' } } },
      });
      await pubSub.close();
      expect(await ask()).toMatchObject({
        code: 503,
        body: { status: 'error', error: { 'redis-propagator': { status: 'down' } } },
      });
      // Exactly the form of terminus' own indicators.
      const { status: _, ...data } = app.get(PropagatorHealthIndicator).checkHealth('key').key;
      const own = app.get(HealthIndicatorService, { strict: false }).check('key').down(data);
      expect(own).toEqual({ key: { ...data, status: 'down' } });
    } finally {
      await instance.close();
    }
  });
});
