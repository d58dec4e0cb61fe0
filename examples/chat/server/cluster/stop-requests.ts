import { Injectable } from '@nestjs/common';
import { ClusterService, RedisService } from 'nestjs-redis-propagator';
import { filter, take, type Observable } from 'rxjs';
import { Config } from '../config.js';

interface StopRequest {
  /** A restarted instance with the same name has another id, and is not meant. */
  id: string;
  /** End at once, like a crash. */
  kill?: boolean;
}

/** Ends an instance, on request to any of them. */
@Injectable()
export class StopRequests {
  /** Emits when this instance should end; the subscriber closes the app, or kills the process. */
  readonly requested$: Observable<StopRequest>;
  private readonly channel: string;

  constructor(
    private readonly redis: RedisService,
    { self }: ClusterService,
    config: Config,
  ) {
    this.channel = `${config.prefix}:chat:stop`;
    this.requested$ = redis.fromEvent<StopRequest>(this.channel).pipe(
      filter(({ id }) => id === self.instanceId),
      take(1),
    );
  }

  async send(request: StopRequest): Promise<void> {
    await this.redis.publish(this.channel, request);
  }
}
