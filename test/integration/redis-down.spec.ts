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
import { Outage } from '../support/outage.js';
import type { TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class EventsGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('stream')
  stream(): Observable<WsResponse<number>> {
    return from([1, 2, 3]).pipe(map((data) => ({ event: 'events', data })));
  }
}

/** How long clients that connect while Redis is down wait for it. A busy machine needs more than 50 ms to subscribe. */
const IMPATIENT = { subscribeTimeoutMs: 250 };

function statesOf(instance: TestInstance): PubSubState[] {
  const states: PubSubState[] = [];
  instance.redis.state$.subscribe((state) => states.push(state));
  return states;
}

describe('while Redis is down', () => {
  let outage: Outage;
  let cluster: TestCluster;

  const startRedis = () => outage.startRedis();
  const startCluster = (size: number, options: RedisPropagatorOptions = {}) =>
    outage.startCluster(size, [EventsGateway], options);
  const everywhere = (state: PubSubState) => outage.everywhere(state);

  beforeEach(async () => {
    outage = await Outage.prepare();
  });
  afterEach(() => outage.end());

  // An adapter that publishes first would deliver nothing locally while Redis is down.
  it('clients of the same instance get events at once, the others once it is back, without help', async () => {
    const server = await startRedis();
    cluster = await startCluster(2);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const states = statesOf(a);
    const near = await a.connect({ token: 'alice' });
    const far = await b.connect({ token: 'alice' });

    await server.kill();
    await everywhere('degraded');
    const waiting = [
      a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'down' }),
      a.propagator.emitToAll({ event: 'x', data: 'all' }),
    ];
    await expect(
      a.propagator.emitToAll({ event: 'x', data: 'only here', publish: 'fail-fast' }),
    ).rejects.toMatchObject({ name: 'PropagatorError', code: 'redis.unavailable' });
    a.app.get(EventsGateway).server.emit('x', 'io.emit');
    await a.served(near);
    expect(near.data('x')).toEqual(['down', 'all', 'only here', 'io.emit']);
    expect(far.data('x')).toEqual([]);

    await server.restart();
    await everywhere('ready');
    await expect(Promise.all(waiting)).resolves.toHaveLength(2);
    await far.waitFor('x', 3);
    expect(await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'up' })).toEqual({
      localSockets: 1,
      remoteInstances: 1,
      reached: true,
    });
    await cluster.settled(near, far);
    expect(near.data('x')).toEqual(['down', 'all', 'only here', 'io.emit', 'up']);
    // In the order of the emits, whatever their targets.
    expect(far.data('x')).toEqual(['down', 'all', 'io.emit', 'up']);
    expect(states).toEqual(['ready', 'degraded', 'ready']);
    expect(
      cluster.logger.matching(/^warn Degraded, Redis does not serve this instance/),
    ).toHaveLength(2);
    expect(cluster.logger.matching(/^log Redis is back/)).toHaveLength(2);
  });

  it('a gateway’s own response arrives, also at the user’s sockets on the same instance', async () => {
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

  it('publishes with `fail-fast` are refused, all counted, and logged once per outage', async () => {
    const server = await startRedis();
    cluster = await startCluster(1);
    const { propagator } = cluster.instance(0);
    const emitInVain = () =>
      Promise.allSettled(
        Array.from({ length: 20 }, () =>
          propagator.emitToAll({ event: 'x', publish: 'fail-fast' }),
        ),
      );
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

  it('clients can connect, and get events of other instances once Redis is back', async () => {
    const server = await startRedis();
    cluster = await startCluster(2, IMPATIENT);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    await server.kill();
    await everywhere('degraded');

    const alice = await a.connect({ token: 'alice' });
    const local = a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'local' });
    expect(await alice.waitFor('x')).toEqual(['local']);

    await server.restart();
    await everywhere('ready');
    expect(await local).toMatchObject({ localSockets: 1, reached: true });
    expect(await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'remote' })).toEqual({
      localSockets: 0,
      remoteInstances: 1,
      reached: true,
    });
    await cluster.settled(alice);
    expect(alice.data('x')).toEqual(['local', 'remote']);
  });

  it('apps start, serve their own clients, report that they are degraded, and recover by themselves', async () => {
    cluster = await startCluster(2, IMPATIENT);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const states = statesOf(a);
    const near = await a.connect({ token: 'alice' });
    const far = await b.connect({ token: 'alice' });

    near.emit('stream');
    await near.waitFor('events', 3);
    const waiting = a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 });
    expect(await near.waitFor('x')).toEqual([1]);
    expect(states).toEqual(['degraded']);
    expect(cluster.logger.matching(/^warn Degraded, .*ECONNREFUSED/)).toHaveLength(2);

    await startRedis();
    await everywhere('ready');
    await waiting;
    await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 2 });
    await far.waitFor('x', 2);
    await cluster.settled(near, far);
    expect(near.data('x')).toEqual([1, 2]);
    expect(far.data('x')).toEqual([1, 2]);
    expect(far.data('events')).toEqual([1, 2, 3]);
    expect(states).toEqual(['degraded', 'ready']);
  });

  it('events that wait too long are refused, and the others keep waiting', async () => {
    cluster = await startCluster(1, { ...IMPATIENT, outbox: { maxAgeMs: 200, maxEvents: 2 } });
    const { propagator } = cluster.instance(0);
    const codes = await Promise.all(
      [1, 2, 3].map((data) =>
        propagator.emitToAll({ event: 'x', data }).catch(({ code }: { code: string }) => code),
      ),
    );
    expect(codes).toEqual(['outbox.expired', 'outbox.expired', 'outbox.full']);
    expect(cluster.instance(0).counts).toMatchObject({
      'outbox.full': 1,
      'outbox.expired': 2,
      'publish.failed': 3,
    });
  });

  it('apps that never reached it close soon, and settle waiting calls', async () => {
    cluster = await startCluster(1, IMPATIENT);
    const waiting = cluster.instance(0).propagator.emitToAll({ event: 'x' });
    await Promise.all([
      cluster.close(),
      expect(waiting).rejects.toMatchObject({ code: 'redis.closed' }),
    ]);
    expect(cluster.instance(0).redis.state).toBe('closed');
  });

  it('apps that never reached it close at once', async () => {
    cluster = await startCluster(1, IMPATIENT);
    await cluster.close();
    expect(cluster.instance(0).redis.state).toBe('closed');
  });
});
