import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Subscription } from 'rxjs';
import type { RedisService } from '../../src/index.js';
import { ExternalClient } from '../support/external-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

function arrived(messages: unknown[], count: number): Promise<void> {
  return until(
    () => messages.length >= count,
    () => `${count} messages, got ${JSON.stringify(messages)}`,
  );
}

describe('RedisService', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  let channel: string;
  beforeEach(async () => {
    channel = `test-${randomUUID()}`;
    external = new ExternalClient();
    cluster = await givenCluster().of(2).start();
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });

  const redis = (index: number): RedisService => cluster.instance(index).redis;
  const subscribed = (index: number, name = channel) =>
    until(
      () => cluster.instance(index).pubSub.isSubscribed(name),
      () => `${name} to be subscribed`,
    );

  it('carries JSON between instances, and returns the number of subscribers', async () => {
    const messages: unknown[] = [];
    redis(1)
      .fromEvent<{ id: number }>(channel)
      .subscribe((message) => messages.push(message));
    await subscribed(1);
    const values = [{ id: 1, tags: ['ü'] }, null, 0, 'text', [1, 2]];

    for (const value of values) expect(await redis(0).publish(channel, value)).toBe(1);
    expect(await redis(0).publish(`${channel}:nobody`, 1)).toBe(0);

    await arrived(messages, values.length);
    expect(messages).toEqual(values);
  });

  it('carries bytes as they were at the call, although the sender uses its buffer again', async () => {
    const messages: unknown[] = [];
    redis(1)
      .fromEvent(channel)
      .subscribe((message) => messages.push(message));
    await subscribed(1);
    const text = 'a'.repeat(64 * 1024);
    const [reused, moved] = [Buffer.from(`"${text}"`), new TextEncoder().encode(`"${text}"`)];

    const published = [redis(0).publish(channel, reused), redis(0).publish(channel, moved)];
    reused.fill('b');
    structuredClone(moved, { transfer: [moved.buffer] });
    await Promise.all(published);
    await redis(0).publish(channel, 'next');

    await arrived(messages, 3);
    expect(messages).toEqual([text, text, 'next']);
  });

  // One malformed message must not end a stream or the process.
  it('skips messages that are not JSON, counts them, and the stream continues', async () => {
    const messages: unknown[] = [];
    const ends: unknown[] = [];
    redis(0)
      .fromEvent(channel)
      .subscribe({
        next: (message) => messages.push(message),
        error: (error) => ends.push(error),
        complete: () => ends.push('complete'),
      });
    await subscribed(0);

    await external.publish(channel, '1');
    await external.publish(channel, '{"broken":');
    await external.publish(channel, Buffer.from([0xff, 0xfe, 0]));
    await external.publish(channel, '');
    await external.publish(channel, '2');

    await arrived(messages, 2);
    expect(messages).toEqual([1, 2]);
    expect(ends).toEqual([]);
    expect(cluster.instance(0).counts).toEqual({ 'message.not-json': 3 });
  });

  // ioredis' `unsubscribe()` without arguments would unsubscribe all channels.
  it('releases a channel with its last subscriber, and no other channel', async () => {
    const other = `${channel}:other`;
    const heard: Record<string, unknown[]> = { first: [], second: [], other: [] };
    const listen = (name: string, to: string): Subscription =>
      redis(0)
        .fromEvent(name)
        .subscribe((message) => heard[to]?.push(message));
    const first = listen(channel, 'first');
    const second = listen(channel, 'second');
    listen(other, 'other');
    await subscribed(0);
    await subscribed(0, other);

    first.unsubscribe();
    expect(await redis(1).publish(channel, 1)).toBe(1);
    await arrived(heard['second'] ?? [], 1);

    second.unsubscribe();
    await until(
      async () => (await redis(1).publish(channel, 2)) === 0,
      () => 'the channel to be given back',
    );
    expect(await redis(1).publish(other, 3)).toBe(1);
    await arrived(heard['other'] ?? [], 1);

    expect(heard).toEqual({ first: [], second: [1], other: [3] });
    expect(await external.channels(channel)).toEqual([other]);
  });

  // ioredis' `unsubscribe()` without arguments would unsubscribe all channels.
  it('does not disturb the events of the app when a subscriber leaves', async () => {
    const subscription = redis(0).fromEvent(channel).subscribe();
    await subscribed(0);
    const before = (await external.channels(cluster.prefix)).length;

    subscription.unsubscribe();

    await until(
      async () => (await external.channels(channel)).length === 0,
      () => 'the channel to be given back',
    );
    expect(await external.channels(cluster.prefix)).toHaveLength(before);
  });

  // Data that JSON cannot represent must be refused.
  it('publishes bytes unchanged, and refuses values that are not JSON with a code', async () => {
    const messages: unknown[] = [];
    redis(0)
      .fromEvent(channel)
      .subscribe((message) => messages.push(message));
    await subscribed(0);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;

    await redis(1).publish(channel, Buffer.from('{"from":"bytes"}'));
    await redis(1).publish(channel, new TextEncoder().encode('[1]'));
    for (const value of [cycle, 1n, undefined, () => 1]) {
      await expect(redis(1).publish(channel, value)).rejects.toMatchObject({
        code: 'message.unserialisable',
      });
    }

    await arrived(messages, 2);
    expect(messages).toEqual([{ from: 'bytes' }, [1]]);
  });

  it('emits its state until the app closes', async () => {
    const states: string[] = [];
    redis(0).state$.subscribe({
      next: (state) => states.push(state),
      complete: () => states.push('complete'),
    });

    await cluster.close();

    expect(states).toEqual(['ready', 'closed', 'complete']);
  });
});
