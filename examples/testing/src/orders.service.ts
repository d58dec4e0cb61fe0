import { Injectable } from '@nestjs/common';
import { RedisPropagatorService } from 'nestjs-redis-propagator';

@Injectable()
export class OrdersService {
  constructor(private readonly propagator: RedisPropagatorService) {}

  /** Resolves to `false` if no client of the user shows the order: none has a socket in this namespace. */
  async ship(userId: string, orderId: number): Promise<boolean> {
    const { reached } = await this.propagator.emitToUser({
      userId,
      event: 'order-shipped',
      data: { orderId },
    });
    // null: Redis is down, and the event waits for it.
    return reached !== false;
  }
}
