import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { until } from '../until.js';

/** The changes that all clusters on a Redis publish for `watch`. */
export class PublishedChanges {
  private readonly listeners = new Map<string, (message: string) => void>();
  private readonly fences = new Set<string>();

  private constructor(
    private readonly redis: Redis,
    private readonly subscriber: Redis,
  ) {
    subscriber.on('pmessage', (_, channel: string, message: string) => {
      const [prefix = ''] = channel.split(':', 1);
      if (channel.endsWith(':fence')) this.fences.add(message);
      // Ignore the channel by which an instance checks its permissions.
      else if (channel.endsWith('}')) this.listeners.get(prefix)?.(message);
    });
  }

  static async on(redis: Redis): Promise<PublishedChanges> {
    const subscriber = redis.duplicate();
    await subscriber.psubscribe('*:presence:*');
    return new PublishedChanges(redis, subscriber);
  }

  listen(prefix: string, listener: (message: string) => void): void {
    this.listeners.set(prefix, listener);
  }

  /** Waits until all changes published before have arrived. */
  async heard(): Promise<void> {
    const fence = randomUUID();
    await this.redis.publish('fence:presence:fence', fence);
    await until(
      () => this.fences.delete(fence),
      () => 'what was published',
    );
  }

  close(): void {
    this.subscriber.disconnect();
  }
}
