import { afterEach, describe, expect, it } from '@jest/globals';
import { type PubSubListener, type PubSubState } from '../../../src/index.js';
import { InMemoryBus, InMemoryPubSub } from '../../../src/testing/index.js';
import { untilMembersKnown, othersOf } from '../../support/members.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

const QUICK = { heartbeatIntervalMs: 500, memberTimeoutMs: 10_000 };

describe('an instance that does not receive its own heartbeats', () => {
  let cluster: TestCluster;
  let proxy: TcpProxy | undefined;
  afterEach(async () => {
    await cluster.close();
    await proxy?.close();
    proxy = undefined;
  });

  const startOnDeafPubSub = async (): Promise<DeafPubSub> => {
    const transport = new DeafPubSub();
    cluster = await givenCluster()
      .of(1)
      .with(PlainGateway)
      .onInMemoryPubSub()
      .configured({ ...QUICK, pubSub: transport })
      .start();
    return transport;
  };

  // A half-open subscriber would otherwise go unnoticed for minutes.
  it('replaces its connections, and receives events again', async () => {
    const between = (proxy = await TcpProxy.to(testRedisUrl()));
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured((index) => ({ ...QUICK, ...(index === 0 && { redis: between.url }) }))
      .start();
    await untilMembersKnown(cluster);
    const [a, b] = cluster.instances as [TestInstance, TestInstance];
    const alice = await a.connect({ token: 'alice' });
    await alice.ask('join', 'lobby');
    await b.propagator.emitToRoom({ room: 'lobby', event: 'x', data: 'before' });
    await alice.waitFor('x');
    const states: string[] = [];
    a.redis.state$.subscribe((state) => states.push(state));

    between.deafen();
    await until(
      () => states.join() === 'ready,degraded,ready',
      () => `it to reconnect, got ${states.join()}`,
    );

    await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'user' });
    await b.propagator.emitToRoom({ room: 'lobby', event: 'x', data: 'room' });
    expect(await alice.waitFor('x', 3)).toEqual(['before', 'user', 'room']);
    expect(await b.propagator.fetchUserSockets('alice')).toMatchObject({ complete: true });
    expect(a.counts).toEqual({});
    expect(a.allCounts['connection.deaf']).toBe(1);
    expect(cluster.logger.matching(/^warn connection\.deaf: /)).toHaveLength(1);
    expect(between.connections).toBe(3);
    expect(othersOf(a)).toHaveLength(1);
  });

  it('asks its transport to reconnect, once for each failure, if the transport can', async () => {
    const transport = await startOnDeafPubSub();

    transport.deaf = true;
    await until(
      () => transport.reconnects === 2,
      () => `two attempts, got ${transport.reconnects}`,
    );
    transport.deaf = false;
    await transport.heard(3);
    const attempts = transport.reconnects;
    await transport.heard(3);

    expect(transport.reconnects).toBe(attempts);
    expect(await serverOf(cluster, 0).fetchSockets()).toEqual([]);
  });

  it('also asks while another channel keeps the state from ready', async () => {
    const transport = await startOnDeafPubSub();
    await transport.heard(1);
    transport.degraded = true;
    await transport.heard(3);
    expect(transport.reconnects).toBe(0);

    transport.deaf = true;
    await until(
      () => transport.reconnects > 0,
      () => 'an attempt',
    );
  });
});

/** A transport that can lose messages on their way back. */
class DeafPubSub extends InMemoryPubSub {
  deaf = false;
  /** Refuses one of its channels. */
  degraded = false;
  reconnects = 0;
  private messages = 0;

  constructor() {
    super(new InMemoryBus());
  }

  override get state(): PubSubState {
    return this.degraded ? 'degraded' : super.state;
  }

  isOpen(): boolean {
    return true;
  }

  override onMessage(listener: PubSubListener): () => void {
    return super.onMessage((channel, message) => {
      if (this.deaf) return;
      this.messages++;
      listener(channel, message);
    });
  }

  reconnect(): void {
    this.reconnects++;
  }

  /** Waits until this many more messages have passed. */
  heard(count: number): Promise<void> {
    const enough = this.messages + count;
    return until(
      () => this.messages >= enough,
      () => 'heartbeats',
    );
  }
}
