import {
  Injectable,
  Logger,
  ServiceUnavailableException,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Cluster, Redis } from 'ioredis';
import { Config } from '../config.js';

/** When to try again; ioredis would take up to two seconds. */
const retry = (attempt: number): number => Math.min(attempt * 50, 500);

/**
 * The app's own data in Redis: rooms, messages, orders. The library has connections of its own, so that events do not
 * wait behind what is read here.
 */
@Injectable()
export class Data implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(Data.name);
  private readonly redis: Redis | Cluster;
  private away = false;

  constructor(private readonly config: Config) {
    const { redis } = config;
    // While Redis is away commands fail at once, and the client is told. Those that waited in a queue would be
    // answered when the client has long sent them again.
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
    // The app starts without Redis, too; ioredis goes on trying.
    await this.redis.connect().catch(() => undefined);
  }

  /** The last hook: `handleDisconnect` of the gateways still finds its data. */
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

  /** @throws ServiceUnavailableException, which reads the same over HTTP and in an acknowledgement */
  async use<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      // A Cluster has the commands of a Redis; the types of ioredis do not say so.
      return await work(this.redis as Redis);
    } catch (cause) {
      // That Redis is away has been said, once; anything else is a fault to be looked at.
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
