import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';

/** Jobs wait in one list and are moved to another one while they are processed, so a crash loses none. */
const WAITING = 'reports:waiting';
const IN_HAND = 'reports:in-hand';

/** How long a request for the next job blocks, and so how long a stop may take. */
const PATIENCE_S = 1;

export interface ReportJob {
  userId: string;
  report: string;
}

/** Two lists in Redis: the simplest queue that can show a worker. In your app it is BullMQ, SQS or RabbitMQ. */
@Injectable()
export class JobQueue implements OnApplicationShutdown {
  private readonly logger = new Logger(JobQueue.name);
  // A connection of its own, because the request below blocks it. The library publishes events on its own ones.
  private readonly redis = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379');

  constructor() {
    // ioredis reconnects by itself; without a listener it prints each failure with its stack.
    this.redis.on('error', ({ message }: Error) => this.logger.warn(message));
  }

  /** Passes the next job to `work`, if one comes in time. A job whose work fails stays in the second list. */
  async workOnNext(work: (job: ReportJob) => Promise<void>): Promise<void> {
    const text = await this.redis.blmove(WAITING, IN_HAND, 'LEFT', 'RIGHT', PATIENCE_S);
    if (text === null) return;
    await work(JSON.parse(text) as ReportJob);
    await this.redis.lrem(IN_HAND, 1, text);
  }

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
