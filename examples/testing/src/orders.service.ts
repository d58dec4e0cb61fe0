import { Injectable } from '@nestjs/common';
import { RedisPropagatorService } from 'nestjs-redis-propagator';

@Injectable()
export class OrdersService {
  constructor(private readonly propagator: RedisPropagatorService) {}

  /** How the user was told. */
  async ship(userId: string, orderId: number): Promise<'on screen' | 'by e-mail'> {
    const { reached } = await this.propagator.emitToUser({
      userId,
      event: 'order-shipped',
      data: { orderId },
    });
    // null: Redis is down, and the event waits for it.
    return reached === false ? 'by e-mail' : 'on screen';
  }
}
