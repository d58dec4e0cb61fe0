import { Injectable } from '@nestjs/common';
import { ClusterService, RedisService } from 'nestjs-redis-propagator';
import { filter, take, type Observable } from 'rxjs';
import { Config } from '../config.js';

interface StopRequest {
  /** An instance that is started again under the same name has another one, and is not meant. */
  id: string;
}

/** Ends an instance, whichever one was asked to. */
@Injectable()
export class StopRequests {
  /** This instance is to end; the one who listens closes the app. */
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

  async send(id: string): Promise<void> {
    await this.redis.publish(this.channel, { id } satisfies StopRequest);
  }
}
