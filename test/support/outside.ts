import { Redis } from 'ioredis';
import { testRedisUrl } from './test-cluster.js';

/** Something that is no instance of the app and speaks to the same Redis: `redis-cli`, a script, an operator. */
export class Outside {
  readonly redis: Redis;

  constructor(url: string = testRedisUrl()) {
    this.redis = new Redis(url);
  }

  /** Resolves to how many instances the message was handed to. */
  publish(channel: string, payload: string | Buffer | object): Promise<number> {
    const raw = typeof payload === 'string' || Buffer.isBuffer(payload);
    return this.redis.publish(channel, raw ? payload : JSON.stringify(payload));
  }

  /** The channels with a subscriber whose names start like this. */
  async channels(prefix: string): Promise<string[]> {
    const names = (await this.redis.pubsub('CHANNELS', `${prefix}*`)) as string[];
    return names.sort();
  }

  /** How many connections of this name Redis has. */
  async connections(name: string): Promise<number> {
    const list = String(await this.redis.client('LIST'));
    return list.split('\n').filter((line) => line.includes(` name=${name} `)).length;
  }

  close(): void {
    this.redis.disconnect();
  }
}
