import { UseInterceptors } from '@nestjs/common';
import {
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type WsResponse,
} from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { from, map, type Observable } from 'rxjs';
import type { Server } from 'socket.io';
import {
  RedisPropagatorInterceptor,
  type PubSubState,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { startOwnRedis, type RunningRedis } from '../support/own-redis.js';
import { quietPort } from '../../scripts/redis/topologies/ports.mjs';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class EventsGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('stream')
  stream(): Observable<WsResponse<number>> {
    return from([1, 2, 3]).pipe(map((data) => ({ event: 'events', data })));
  }
}

/** For clients that come while Redis is down: how long they wait for it. */
const IMPATIENT = { subscribeTimeoutMs: 50 };

function statesOf(instance: TestInstance): PubSubState[] {
  const states: PubSubState[] = [];
  instance.redis.state$.subscribe((state) => states.push(state));
  return states;
}

describe('while Redis is down', () => {
  let port: number;
  let redis: RunningRedis | undefined;
  let cluster: TestCluster;

  const startRedis = async (): Promise<RunningRedis> => (redis = await startOwnRedis([], { port }));
  const startCluster = (size: number, options: RedisPropagatorOptions = {}) =>
    givenCluster()
      .of(size)
      .with(EventsGateway)
      .onRedis(`redis://127.0.0.1:${port}`)
      .configured(options)
      .start();
  const everywhere = (state: PubSubState) =>
    until(
      () => cluster.instances.every((instance) => instance.redis.state === state),
      () => `the state ${state} of all instances`,
    );

  beforeEach(async () => {
    port = await quietPort();
  });
  afterEach(async () => {
    await cluster.close();
    await redis?.stop();
    redis = undefined;
  });

  // pitfall 21
  it('clients of the same instance are served, the caller learns of the rest, and it heals by itself', async () => {
    const server = await startRedis();
    cluster = await startCluster(2);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const states = statesOf(a);
    const near = await a.connect({ token: 'alice' });
    const far = await b.connect({ token: 'alice' });

    await server.kill();
    await everywhere('degraded');
    await expect(
      a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'down' }),
    ).rejects.toMatchObject({ name: 'PropagatorError', code: 'redis.unavailable' });
    await expect(a.propagator.emitToAll({ event: 'x', data: 'all' })).rejects.toMatchObject({
      code: 'redis.unavailable',
    });
    a.app.get(EventsGateway).server.emit('x', 'io.emit');
    await a.served(near);
    expect(near.data('x')).toEqual(['down', 'all', 'io.emit']);

    await server.restart();
    await everywhere('ready');
    expect(await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'up' })).toEqual({
      localSockets: 1,
      remoteInstances: 1,
      reached: true,
    });
    await cluster.settled(near, far);
    expect(near.data('x')).toEqual(['down', 'all', 'io.emit', 'up']);
    expect(far.data('x')).toEqual(['up']);
    expect(states).toEqual(['ready', 'degraded', 'ready']);
    expect(
      cluster.logger.matching(/^warn Degraded, Redis does not serve this instance/),
    ).toHaveLength(2);
    expect(cluster.logger.matching(/^log Redis is back/)).toHaveLength(2);
  });

  it('a gateway’s own response arrives, and at the user’s sockets on the same instance', async () => {
    const server = await startRedis();
    cluster = await startCluster(1);
    const instance = cluster.instance(0);
    const origin = await instance.connect({ token: 'alice' });
    const other = await instance.connect({ token: 'alice' });
    await server.kill();
    await everywhere('degraded');

    origin.emit('stream');

    await origin.waitFor('events', 3);
    await instance.served(origin, other);
    expect(origin.data('events')).toEqual([1, 2, 3]);
    expect(other.data('events')).toEqual([1, 2, 3]);
  });

  it('failed publishes are all counted, and logged once per outage', async () => {
    const server = await startRedis();
    cluster = await startCluster(1);
    const { propagator } = cluster.instance(0);
    const emitInVain = () =>
      Promise.allSettled(Array.from({ length: 20 }, () => propagator.emitToAll({ event: 'x' })));
    const lines = () => cluster.logger.matching(/^warn publish\.failed: /).length;

    await server.kill();
    await everywhere('degraded');
    await emitInVain();
    await emitInVain();
    expect(cluster.instance(0).counts).toEqual({ 'publish.failed': 40 });
    expect(lines()).toBe(1);

    await server.restart();
    await everywhere('ready');
    await propagator.emitToAll({ event: 'x' });
    await server.kill();
    await everywhere('degraded');
    await emitInVain();
    expect(lines()).toBe(2);
  });

  it('clients are let in, and get what other instances send once Redis is back', async () => {
    const server = await startRedis();
    cluster = await startCluster(2, IMPATIENT);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    await server.kill();
    await everywhere('degraded');

    const alice = await a.connect({ token: 'alice' });
    await a.propagator
      .emitToUser({ userId: 'alice', event: 'x', data: 'local' })
      .catch(() => 'as above');
    expect(await alice.waitFor('x')).toEqual(['local']);

    await server.restart();
    await everywhere('ready');
    expect(await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'remote' })).toEqual({
      localSockets: 0,
      remoteInstances: 1,
      reached: true,
    });
    await cluster.settled(alice);
    expect(alice.data('x')).toEqual(['local', 'remote']);
  });

  it('apps start, serve their own clients, say that they are degraded, and heal by themselves', async () => {
    cluster = await startCluster(2, IMPATIENT);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const states = statesOf(a);
    const near = await a.connect({ token: 'alice' });
    const far = await b.connect({ token: 'alice' });

    near.emit('stream');
    await near.waitFor('events', 3);
    await expect(
      a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 }),
    ).rejects.toMatchObject({
      code: 'redis.unavailable',
    });
    expect(await near.waitFor('x')).toEqual([1]);
    expect(states).toEqual(['degraded']);
    expect(cluster.logger.matching(/^warn Degraded, .*ECONNREFUSED/)).toHaveLength(2);

    await startRedis();
    await everywhere('ready');
    await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 2 });
    await cluster.settled(near, far);
    expect(near.data('x')).toEqual([1, 2]);
    expect(far.data('x')).toEqual([2]);
    expect(far.data('events')).toEqual([]);
    expect(states).toEqual(['degraded', 'ready']);
  });

  it('apps that never saw it close at once', async () => {
    cluster = await startCluster(1, IMPATIENT);
    await cluster.close();
    expect(cluster.instance(0).redis.state).toBe('closed');
  });
});
