import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { firstValueFrom, map, type Subscription } from 'rxjs';
import { RedisService, type PubSubState } from '../../../src/index.js';
import { Channels } from '../../../src/channels/channels.js';
import { Readiness } from '../../../src/reporting/readiness.js';
import { redisPubSub, type TestPubSub } from '../../support/redis-pub-sub.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

describe('RedisService', () => {
  let transport: TestPubSub;
  let service: RedisService;
  let outside: Redis;
  let channel: string;

  beforeEach(async () => {
    transport = redisPubSub({ redis: testRedisUrl() });
    const { pubSub, reporter } = transport;
    const readiness = new Readiness();
    readiness.begin();
    const subscriptions = new Channels(pubSub, reporter);
    service = new RedisService(pubSub, subscriptions, reporter, readiness);
    await pubSub.connect();
    outside = new Redis(testRedisUrl());
    channel = `app:${randomUUID()}`;
  });
  afterEach(async () => {
    await transport.pubSub.close();
    await outside.quit();
  });

  /** Subscribes like an app, and returns the received messages, once the subscription is made. */
  async function listen(
    name = channel,
  ): Promise<{ values: unknown[]; subscription: Subscription }> {
    const values: unknown[] = [];
    const subscription = service.fromEvent(name).subscribe({
      next: (value) => values.push(value),
      error: () => values.push('an error ended the stream'),
      complete: () => values.push('the stream ended'),
    });
    await until(
      () => transport.pubSub.isSubscribed(name),
      () => `${name} to be subscribed`,
    );
    return { values, subscription };
  }

  /** Messages published before this call have arrived when it returns. */
  async function fence(): Promise<void> {
    const name = `fence:${randomUUID()}`;
    const { values, subscription } = await listen(name);
    await outside.publish(name, '0');
    await until(
      () => values.length > 0,
      () => 'the fence',
    );
    subscription.unsubscribe();
  }

  const receivers = async (name = channel) =>
    ((await outside.pubsub('NUMSUB', name)) as [string, number])[1];

  it('carries any JSON value from publish to fromEvent, in order', async () => {
    const { values } = await listen();
    const sent = [{ price: 1.5, 'ü"': [null, true] }, 'text', 0, null, false, [], ''];
    for (const value of sent) expect(await service.publish(channel, value)).toBe(1);
    await fence();
    expect(values).toEqual(sent);
  });

  it('speaks plain JSON to other programs, and takes the channel name as it is', async () => {
    const messages: string[] = [];
    const reader = new Redis(testRedisUrl());
    reader.on('message', (name, message) => messages.push(`${name} ${message}`));
    await reader.subscribe(channel);
    await service.publish(channel, { a: 1 });
    await service.publish(channel, Buffer.from('bytes'));
    await service.publish(channel, new Uint8Array(Buffer.from('xviewx')).subarray(1, 5));
    await until(
      () => messages.length === 3,
      () => 'three messages',
    );
    expect(messages).toEqual([`${channel} {"a":1}`, `${channel} bytes`, `${channel} view`]);
    await reader.quit();
  });

  it('returns the number of subscribed instances', async () => {
    expect(await service.publish(channel, 1)).toBe(0);
    await listen();
    await listen();
    expect(await service.publish(channel, 1)).toBe(1);
    const other = outside.duplicate();
    await other.subscribe(channel);
    expect(await service.publish(channel, 1)).toBe(2);
    await other.quit();
  });

  // One error must not end a stream, and malformed JSON must not end the process.
  it('reports a message that is not JSON and skips it; the streams continue', async () => {
    const [one, two] = [await listen(), await listen()];
    await outside.publish(channel, '1');
    for (const bad of ['{', '', 'undefined', '{"a":1}{']) await outside.publish(channel, bad);
    await outside.publish(channel, Buffer.from([0xff, 0x00]));
    await outside.publish(channel, '2');
    await fence();
    expect([one.values, two.values]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(transport.logger.matching(/message\.not-json/)).toEqual([
      expect.stringContaining(`warn message.not-json: channel ${channel}`),
    ]);
    expect(transport.reporter.counts()).toEqual({ 'message.not-json': 5 });
  });

  it('parses a message once, however many streams receive it', async () => {
    const streams = await Promise.all(Array.from({ length: 1_000 }, () => listen()));
    const parse = jest.spyOn(JSON, 'parse');
    await outside.publish(channel, '{"a":1}');
    await until(
      () => streams.every(({ values }) => values.length === 1),
      () => 'the message in all streams',
    );
    const parsed = parse.mock.calls.filter(([text]) => text === '{"a":1}').length;
    parse.mockRestore();
    expect(parsed).toBe(1);
    const [first] = streams;
    expect(streams.every(({ values }) => values[0] === first?.values[0])).toBe(true);
  });

  it('subscribes a channel once, however many streams come and go', async () => {
    const subscribe = jest.spyOn(transport.pubSub, 'subscribe');
    const all = Array.from({ length: 10_000 }, () => service.fromEvent(channel).subscribe());
    for (const one of all.slice(1)) one.unsubscribe();
    expect(subscribe.mock.calls).toEqual([[channel]]);
    await until(
      () => transport.pubSub.isSubscribed(channel),
      () => 'the subscription',
    );
    all[0]?.unsubscribe();
    await fence();
    expect(await receivers()).toBe(0);
  });

  it('delivers a message to the streams that were subscribed when it arrived', async () => {
    const late: unknown[] = [];
    service.fromEvent(channel).subscribe(() => {
      service.fromEvent(channel).subscribe((value) => late.push(value));
    });
    const { values } = await listen();
    await outside.publish(channel, '1');
    await outside.publish(channel, '2');
    await fence();
    expect([values, late]).toEqual([[1, 2], [2]]);
  });

  it('isolates streams from an operator of another stream that throws', async () => {
    const errors: unknown[] = [];
    service
      .fromEvent<number>(channel)
      .pipe(
        map(() => {
          throw new Error('of the app');
        }),
      )
      .subscribe({ error: (error) => errors.push(error) });
    const { values } = await listen();
    await outside.publish(channel, '1');
    await outside.publish(channel, '2');
    await fence();
    expect(values).toEqual([1, 2]);
    expect(errors).toEqual([new Error('of the app')]);
  });

  // ioredis' `unsubscribe()` without arguments unsubscribes every channel.
  it('unsubscribes one channel and keeps the others', async () => {
    const other = `${channel}:other`;
    const [one, two] = [await listen(), await listen(other)];
    one.subscription.unsubscribe();
    await fence();
    expect([await receivers(), await receivers(other)]).toEqual([0, 1]);
    await outside.publish(channel, '1');
    await outside.publish(other, '2');
    await fence();
    expect([one.values, two.values]).toEqual([[], [2]]);
  });

  // Closing one tab must not silence the other tabs of a user.
  it('keeps a channel for its other subscriber, and unsubscribes it after the last one', async () => {
    const [one, two] = [await listen(), await listen()];
    one.subscription.unsubscribe();
    await outside.publish(channel, '1');
    await fence();
    expect([one.values, two.values]).toEqual([[], [1]]);
    expect(await receivers()).toBe(1);
    two.subscription.unsubscribe();
    await fence();
    expect(await receivers()).toBe(0);
  });

  it('subscribes when an Observable is subscribed, not before, and again for a new subscriber', async () => {
    const stream = service.fromEvent<number>(channel);
    await fence();
    expect(await receivers()).toBe(0);
    for (const value of [1, 2]) {
      const first = firstValueFrom(stream);
      await until(
        async () => (await receivers()) === 1,
        () => 'the subscription',
      );
      await outside.publish(channel, String(value));
      expect(await first).toBe(value);
      await until(
        async () => (await receivers()) === 0,
        () => 'the channel to be given back',
      );
    }
  });

  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  it.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /undefined is not JSON/],
    ['a function', () => 1, /function is not JSON/],
    ['a symbol', Symbol('x'), /symbol is not JSON/],
    ['a BigInt', 1n, /BigInt/],
    ['a cycle', cycle, /circular/],
  ])('refuses to publish %s, and publishes nothing', async (_, value, says) => {
    const { values } = await listen();
    const refusal = service.publish(channel, value);
    await expect(refusal).rejects.toMatchObject({ code: 'message.unserialisable' });
    await expect(refusal).rejects.toThrow(says);
    await expect(refusal).rejects.toThrow(`"${channel}"`);
    await fence();
    expect(values).toEqual([]);
  });

  it('emits the current state at once and each change, and completes with the app', async () => {
    const states: (PubSubState | 'complete')[] = [];
    service.state$.subscribe({
      next: (state) => states.push(state),
      complete: () => states.push('complete'),
    });
    expect(service.state).toBe('ready');
    expect(states).toEqual(['ready']);
    await transport.pubSub.close();
    expect(service.state).toBe('closed');
    expect(states).toEqual(['ready', 'closed', 'complete']);
    await expect(service.publish(channel, 1)).rejects.toMatchObject({ code: 'redis.closed' });
  });
});
