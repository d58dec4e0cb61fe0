import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import type { RunningRedis } from '../../support/own-redis.js';
import { redisPubSub, type TestPubSub } from '../../support/redis-pub-sub.js';
import { until } from '../../support/until.js';

/** The transports of two instances on one topology. One of them is subscribed to many channels in all slots. */
export class WatchedChannels {
  private readonly received = new Map<string, string[]>();
  private rounds = 0;
  /** The messages of this round; messages of earlier rounds may still arrive. */
  private text = '';

  private constructor(
    readonly sender: TestPubSub,
    readonly receiver: TestPubSub,
    readonly channels: readonly string[],
  ) {
    receiver.pubSub.onMessage((channel, message) => {
      const text = message.toString();
      if (text !== this.text) return;
      this.received.set(channel, [...(this.received.get(channel) ?? []), text]);
    });
  }

  static async open(options: RedisPropagatorOptions, count: number): Promise<WatchedChannels> {
    const channels = Array.from({ length: count }, (_, index) => `app:user:${index}`);
    const watched = new WatchedChannels(redisPubSub(options), redisPubSub(options), channels);
    await Promise.all(watched.both.map(({ pubSub }) => pubSub.connect()));
    await Promise.all(channels.map((channel) => watched.receiver.pubSub.subscribe(channel)));
    return watched;
  }

  private get both(): TestPubSub[] {
    return [this.sender, this.receiver];
  }

  /**
   * Waits until both have been degraded and are ready again or, for a failure too short to show, until they are
   * ready.
   */
  async reach(state: 'degraded' | 'ready'): Promise<void> {
    await until(
      () => this.both.every(({ pubSub }) => pubSub.state === state),
      () => `both to be ${state}, ${JSON.stringify(this.both.map(({ logger }) => logger.lines))}`,
      60_000,
    );
  }

  /** Publishes to each channel and expects one subscriber, which receives the message once. */
  async expectAllToArrive(): Promise<void> {
    const text = (this.text = `round ${++this.rounds}`);
    this.received.clear();
    assert.deepEqual(
      this.channels.filter((name) => !this.receiver.pubSub.isSubscribed(name)),
      [],
    );
    const counts = await Promise.all(
      this.channels.map((channel) => this.sender.pubSub.publish(channel, Buffer.from(text))),
    );
    assert.deepEqual(
      counts,
      this.channels.map(() => 1),
    );
    await until(
      () => this.received.size === this.channels.length,
      () => `${this.channels.length} messages, got ${this.received.size}`,
    );
    assert.deepEqual(
      [...this.received.values()],
      this.channels.map(() => [text]),
    );
  }

  /** One line when the outage began and one when it ended, whatever failed in between. */
  expectOneOutageInTheLog(): void {
    for (const { logger } of this.both) {
      assert.equal(logger.lines.length, 3, logger.lines.join('\n'));
      const [first = '', second = '', third = ''] = logger.lines;
      assert.equal(first, 'log Connected to Redis.');
      assert.match(second, /^warn Degraded, Redis does not serve this instance/);
      assert.match(third, /^log Redis is back after \d+ ms/);
    }
  }

  /** The number of these channels with a subscriber on this server. */
  async subscribersAt({ url }: RunningRedis): Promise<number> {
    const client = new Redis(url);
    try {
      const names = (await client.pubsub('CHANNELS', 'app:user:*')) as string[];
      return names.length;
    } finally {
      client.disconnect();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.both.map(({ pubSub }) => pubSub.close()));
  }
}
