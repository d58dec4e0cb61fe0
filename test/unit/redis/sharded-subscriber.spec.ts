import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ShardedSubscriber } from '../../../src/redis/sharded-subscriber.js';
import type { InterruptedChannels } from '../../../src/ports/pub-sub.js';
import type { SubscriberHandlers } from '../../../src/redis/subscriber.js';
import { FakeCluster } from '../../support/fake-cluster.js';

/** In the upper and the lower half of the slots: see the first test. */
const [LOW, HIGH] = ['{b}', '{a}'];

async function turns(): Promise<void> {
  for (let count = 0; count < 20; count++) await new Promise((resolve) => setImmediate(resolve));
}

async function seconds(count: number): Promise<void> {
  for (let step = 0; step < count * 4; step++) {
    jest.advanceTimersByTime(250);
    await turns();
  }
}

describe('the subscribed connections of a Cluster', () => {
  let cluster: FakeCluster;
  let publisher: FakeCluster;
  let subscriber: ShardedSubscriber;
  const reported: string[] = [];
  const received: string[] = [];
  const interruptions: InterruptedChannels[] = [];
  const threw: string[] = [];

  const handlers: SubscriberHandlers = {
    changed: (subscribed, reason) => reported.push(reason?.message ?? String(subscribed)),
    message: (channel, message) => received.push(`${channel} ${message.toString()}`),
    dropped: () => {},
    error: () => {},
    opened: () => {},
    shared: () => {},
    threw: (error) => threw.push(String(error)),
    interrupted: (interrupted) => interruptions.push(interrupted),
  };

  beforeEach(async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    reported.length = 0;
    threw.length = 0;
    interruptions.length = 0;
    received.length = 0;
    cluster = new FakeCluster();
    publisher = new FakeCluster();
    for (const each of [cluster, publisher]) each.has(1, 2);
    const clients = { publisher: publisher.client, subscriber: cluster.client, owned: true };
    subscriber = new ShardedSubscriber(clients, 1_000, handlers);
    subscriber.start();
    subscriber.start();
    await turns();
  });
  afterEach(async () => {
    await subscriber.close();
    jest.useRealTimers();
  });

  const subscribeBoth = () => Promise.all([LOW, HIGH].map((name) => subscriber.subscribe(name)));
  const last = () => reported.at(-1);

  it('are one for each master, with the channels of its slots', async () => {
    await subscribeBoth();
    expect(cluster.made).toHaveLength(2);
    expect(cluster.shard(1).commands).toEqual([`SSUBSCRIBE ${LOW}`]);
    expect(cluster.shard(2).commands).toEqual([`SSUBSCRIBE ${HIGH}`]);
    expect(last()).toBe('true');
    expect(subscriber.probes('x')).toHaveLength(2);
  });

  describe('for requests and replies', () => {
    let control: ShardedSubscriber;
    beforeEach(() => {
      reported.length = 0;
      cluster.made.length = 0;
      const clients = { publisher: publisher.client, subscriber: cluster.client, owned: false };
      control = new ShardedSubscriber(clients, 1_000, handlers, 'control');
      control.start();
    });
    afterEach(() => control.close());

    it('are opened only to the masters that have their channels', async () => {
      expect(cluster.made).toHaveLength(0);
      expect(last()).toBe('true');
      await control.subscribe(LOW);
      expect(cluster.made).toHaveLength(1);
      expect(cluster.shard(1).commands).toEqual([`SSUBSCRIBE ${LOW}`]);
      await control.subscribe(HIGH);
      expect(cluster.shard(2).commands).toEqual([`SSUBSCRIBE ${HIGH}`]);
      // The first channel of a master is no outage.
      expect(new Set(reported)).toEqual(new Set(['true']));
    });

    it('follow their slots to another master, and leave the former one', async () => {
      await control.subscribe(LOW);
      const former = cluster.shard(1);
      cluster.has(3, 2);
      publisher.has(3, 2);
      cluster.emit('refresh');
      await turns();
      expect(former.said).toContain('QUIT');
      expect(cluster.shard(3).commands).toEqual([`SSUBSCRIBE ${LOW}`]);
      expect(control.isSubscribed(LOW)).toBe(true);
    });

    it('are lost like others, and back when the channels are', async () => {
      await control.subscribe(LOW);
      cluster.shard(1).becomes('close');
      expect(last()).toBe('false');
      cluster.shard(1).becomes('ready');
      await turns();
      expect(last()).toBe('true');
    });

    it('leave the client of the Cluster to the connections of the events', async () => {
      const quit = jest.spyOn(cluster, 'quit');
      await control.close();
      expect(quit).not.toHaveBeenCalled();
      await subscriber.close();
      expect(quit).toHaveBeenCalledTimes(1);
    });
  });

  it('deliver only messages of wanted channels', async () => {
    await subscriber.subscribe(LOW);
    const hello = Buffer.from('hello');
    cluster.shard(1).emit('smessageBuffer', Buffer.from(LOW), hello);
    cluster.shard(1).emit('smessageBuffer', Buffer.from('other'), hello);
    subscriber.unsubscribe(LOW);
    cluster.shard(1).emit('smessageBuffer', Buffer.from(LOW), hello);
    expect(received).toEqual([`${LOW} hello`]);
  });

  it('deliver nothing over a connection that ioredis has given up, which may have lost earlier messages', async () => {
    await subscribeBoth();
    const hello = Buffer.from('hello');
    cluster.shard(1).stream.writableEnded = true;
    cluster.shard(1).emit('smessageBuffer', Buffer.from(LOW), hello);
    cluster.shard(2).emit('smessageBuffer', Buffer.from(HIGH), hello);
    expect(received).toEqual([`${HIGH} hello`]);
    cluster.shard(1).becomes('close');
    expect(interruptions.map((concerns) => [concerns(LOW), concerns(HIGH)])).toContainEqual([
      true,
      false,
    ]);
  });

  it('follow the slots to another node, with the waiting subscriptions', async () => {
    cluster.answer = (_, [channel]) =>
      channel === LOW ? new Promise(() => {}) : Promise.resolve();
    const waiting = subscriber.subscribe(LOW);
    await subscriber.subscribe(HIGH);
    cluster.answer = () => Promise.resolve();
    for (const each of [cluster, publisher]) each.has(3, 2);
    cluster.emit('refresh');
    publisher.emit('refresh');
    await waiting;
    await turns();
    expect(cluster.shard(3).commands).toEqual([`SSUBSCRIBE ${LOW}`]);
    expect(cluster.shard(1).commands).toEqual([`SSUBSCRIBE ${LOW}`, 'QUIT', 'DISCONNECT']);
    expect(subscriber.isSubscribed(LOW)).toBe(true);
    expect(last()).toBe('true');
  });

  it('are not healthy before the publisher also knows the new node', async () => {
    await subscribeBoth();
    cluster.has(3, 2);
    cluster.emit('refresh');
    await turns();
    expect(last()).toBe('false');
    publisher.has(3, 2);
    await seconds(1);
    expect(last()).toBe('true');
  });

  it('report errors of a node', async () => {
    cluster.answer = () => Promise.reject(new Error('NOPERM no'));
    await expect(subscriber.subscribe(LOW)).rejects.toMatchObject({ code: 'redis.permission' });
    await turns();
    expect(last()).toContain('+ssubscribe');
    await expect(subscriber.probe(HIGH)).rejects.toThrow('NOPERM');
  });

  it('are not healthy while a node does not reply, and report that its channels may have missed messages', async () => {
    await subscriber.subscribe(LOW);
    const answers: (() => void)[] = [];
    cluster.answer = (command) =>
      command === 'PING'
        ? Promise.resolve()
        : new Promise<void>((resolve) => answers.push(resolve));
    const late = subscriber.subscribe(HIGH);
    void late.catch(() => {});
    interruptions.length = 0;
    await seconds(1);
    await expect(late).rejects.toMatchObject({ code: 'redis.timeout' });
    expect(last()).toContain('redis.timeout');
    expect(interruptions.map((concerns) => [LOW, HIGH].map(concerns))).toEqual([[false, true]]);
    for (const answer of answers) answer();
    await turns();
    expect(last()).toBe('true');
    expect(interruptions.map((concerns) => [LOW, HIGH].map(concerns))).toEqual([
      [false, false],
      [false, true],
    ]);
  });

  it('keep asking for the slots while a node is down', async () => {
    await subscribeBoth();
    const before = cluster.refreshes;
    cluster.shard(1).becomes('close');
    expect(last()).toBe('false');
    expect(subscriber.isSubscribed(LOW)).toBe(false);
    expect(subscriber.isSubscribed(HIGH)).toBe(true);
    await seconds(5);
    expect(cluster.refreshes).toBeGreaterThan(before + 2);
    cluster.shard(1).becomes('ready');
    await turns();
    expect(subscriber.isSubscribed(LOW)).toBe(true);
    expect(last()).toBe('true');
  });

  it('are replaced if a node falls silent or never sends anything', async () => {
    await subscribeBoth();
    await seconds(9);
    expect(cluster.shard(1).said).toContain('PING');
    expect(cluster.made.flatMap(({ commands }) => commands)).not.toContain('RECONNECT');

    cluster.answer = () => new Promise(() => {});
    await seconds(5);
    expect(cluster.shard(1).commands).toContain('RECONNECT');

    cluster.shard(2).becomes('connect');
    cluster.shard(2).said.length = 0;
    await seconds(9);
    expect(cluster.shard(2).said).toEqual(['RECONNECT']);
  });

  it('subscribe again if a node dropped channels and still has their slots', async () => {
    await subscribeBoth();
    const { said } = cluster.shard(1);
    said.length = 0;
    cluster.shard(1).emit('moved');
    await seconds(2);
    expect(said.filter((command) => command !== 'PING')).toEqual([`SSUBSCRIBE ${LOW}`]);
    expect(last()).toBe('true');
  });

  it('start again from the configured nodes if no known node replies', async () => {
    class ClusterAllFailedError extends Error {
      override readonly name = 'ClusterAllFailedError';
    }
    cluster.refreshError = new ClusterAllFailedError('all failed');
    cluster.shard(1).becomes('close');
    await seconds(1);
    expect(cluster.disconnects).toContain(true);
  });

  it('recover if a client throws when it is asked for the slots, or at a PING', async () => {
    await subscribeBoth();
    const ask = jest.spyOn(cluster, 'refreshSlotsCache').mockImplementation(() => {
      throw new Error('no slots');
    });
    jest.spyOn(cluster.shard(1), 'ping').mockImplementationOnce(() => {
      throw new Error('no PING');
    });
    cluster.shard(1).becomes('close');
    await seconds(5);
    expect(ask.mock.calls.length).toBeGreaterThan(2);
    expect(threw).toContain('Error: no slots');
    cluster.shard(1).becomes('ready');
    const { said } = cluster.shard(2);
    said.length = 0;
    await seconds(3);
    expect(threw).toContain('Error: no PING');
    expect(said).toContain('PING');
    ask.mockRestore();
    const { refreshes } = cluster;
    await seconds(12);
    expect(cluster.refreshes).toBeGreaterThan(refreshes);
    expect(last()).toBe('true');
  });

  it('are all replaced on request', () => {
    subscriber.reconnect();
    expect(cluster.made.map(({ said }) => said)).toEqual([['RECONNECT'], ['RECONNECT']]);
  });

  it('settle everything that waits for them when they close', async () => {
    cluster.answer = () => new Promise(() => {});
    const waiting = subscriber.subscribe(LOW);
    await Promise.all([
      subscriber.close(),
      expect(waiting).rejects.toMatchObject({ code: 'redis.closed' }),
    ]);
    const { refreshes } = cluster;
    await seconds(20);
    expect(cluster.refreshes).toBe(refreshes);
    expect(cluster.eventNames()).toEqual(['error']);
  });
});
