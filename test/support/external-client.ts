import { Redis } from 'ioredis';
import { testRedisUrl } from './test-cluster.js';

/** A Redis client that is not an instance of the app, such as `redis-cli`, a script or an operator. */
export class ExternalClient {
  readonly redis: Redis;

  constructor(url: string = testRedisUrl()) {
    this.redis = new Redis(url);
  }

  /** Publishes a message. Resolves to the number of subscribers that received it. */
  publish(channel: string, payload: string | Buffer | object): Promise<number> {
    const raw = typeof payload === 'string' || Buffer.isBuffer(payload);
    return this.redis.publish(channel, raw ? payload : JSON.stringify(payload));
  }

  /** Subscribed channels whose names begin with a prefix. */
  async channels(prefix: string): Promise<string[]> {
    const names = (await this.redis.pubsub('CHANNELS', `${prefix}*`)) as string[];
    return names.sort();
  }

  /** The number of Redis connections with this name. */
  async connections(name: string): Promise<number> {
    const list = String(await this.redis.client('LIST'));
    return list.split('\n').filter((line) => line.includes(` name=${name} `)).length;
  }

  close(): void {
    this.redis.disconnect();
  }
}
