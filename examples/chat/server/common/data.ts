import {
  Injectable,
  Logger,
  ServiceUnavailableException,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Cluster, Redis } from 'ioredis';
import { Config } from '../config.js';

/** The delay before a reconnect; ioredis would wait up to two seconds. */
const retry = (attempt: number): number => Math.min(attempt * 50, 500);

/**
 * The app's own data in Redis: rooms, messages, orders. The library has its own connections, so that events do not
 * wait behind reads of the app.
 */
@Injectable()
export class Data implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(Data.name);
  private readonly redis: Redis | Cluster;
  private away = false;

  constructor(private readonly config: Config) {
    const { redis } = config;
    // While Redis is down commands fail at once, and the client is told. Queued commands would be answered long
    // after the client has sent them again.
    const impatient = { enableOfflineQueue: false, lazyConnect: true };
    this.redis =
      typeof redis === 'string'
        ? new Redis(redis, { ...impatient, maxRetriesPerRequest: 0, retryStrategy: retry })
        : new Cluster(redis.nodes, {
            ...impatient,
            redisOptions: { maxRetriesPerRequest: 0 },
            clusterRetryStrategy: retry,
          });
    this.redis.on('error', (error: Error) => this.isAway(error));
    this.redis.on('ready', () => this.isBack());
  }

  async onModuleInit(): Promise<void> {
    // The app also starts without Redis; ioredis keeps trying.
    await this.redis.connect().catch(() => undefined);
  }

  /** The last hook: `handleDisconnect` of the gateways still needs the data. */
  async onApplicationShutdown(): Promise<void> {
    await this.redis.quit().catch(() => this.redis.disconnect());
  }

  /**
   * The name of a key.
   *
   * @param group keys of one group are on one node of a Redis Cluster, where a script can use them together
   */
  key(group: string, name: string): string {
    return `${this.config.prefix}:chat:{${group}}:${name}`;
  }

  /** @throws ServiceUnavailableException, which looks the same over HTTP and in an acknowledgement */
  async use<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      // A Cluster has the commands of a Redis, but not in the types of ioredis.
      return await work(this.redis as Redis);
    } catch (cause) {
      // The outage of Redis has been logged once; any other error is a fault that needs attention.
      if (this.redis.status === 'ready') this.logger.error(cause);
      throw new ServiceUnavailableException(
        { code: 'unavailable', message: 'Redis is away. Try again in a second.' },
        { cause },
      );
    }
  }

  /** ioredis reports every attempt; one line for each change is enough. */
  private isAway({ message }: Error): void {
    if (!this.away) this.logger.warn(`Redis is away: ${message}`);
    this.away = true;
  }

  private isBack(): void {
    if (this.away) this.logger.log('Redis is back.');
    this.away = false;
  }
}
