import { expect } from '@jest/globals';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { redisPubSub, type TestPubSub } from '../../support/redis-pub-sub.js';
import { until } from '../../support/until.js';

/** Two instances' transports on one topology, one of them subscribed to many channels, spread over all slots. */
export class WatchedChannels {
  private readonly received = new Map<string, string[]>();
  private round = 0;

  private constructor(
    readonly sender: TestPubSub,
    readonly receiver: TestPubSub,
    readonly channels: readonly string[],
  ) {
    receiver.pubSub.onMessage((channel, message) => {
      this.received.set(channel, [...(this.received.get(channel) ?? []), message.toString()]);
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

  /** Until both have been degraded and are ready again, or, for less than an outage, until they are ready. */
  async reach(state: 'degraded' | 'ready'): Promise<void> {
    await until(
      () => this.both.every(({ pubSub }) => pubSub.state === state),
      () => `both to be ${state}, ${JSON.stringify(this.both.map(({ logger }) => logger.lines))}`,
      30_000,
    );
  }

  /** Each channel takes a message, hands it to the one subscribed instance, once, and that gets it. */
  async expectAllToArrive(): Promise<void> {
    const text = `round ${++this.round}`;
    this.received.clear();
    expect(this.channels.filter((name) => !this.receiver.pubSub.isSubscribed(name))).toEqual([]);
    const counts = await Promise.all(
      this.channels.map((channel) => this.sender.pubSub.publish(channel, Buffer.from(text))),
    );
    expect(counts).toEqual(this.channels.map(() => 1));
    await until(
      () => this.received.size === this.channels.length,
      () => `${this.channels.length} messages, got ${this.received.size}`,
    );
    expect([...this.received.values()]).toEqual(this.channels.map(() => [text]));
  }

  /** One line when it began, one when it ended, whatever was tried and failed in between. */
  expectOneOutageInTheLog(): void {
    for (const { logger } of this.both) {
      expect(logger.lines).toEqual([
        'log Connected to Redis.',
        expect.stringMatching(/^warn Degraded, Redis does not serve this instance/),
        expect.stringMatching(/^log Redis is back after \d+ ms/),
      ]);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.both.map(({ pubSub }) => pubSub.close()));
  }
}
