import { Injectable, Module } from '@nestjs/common';
import { RedisPropagatorService } from 'nestjs-redis-propagator';

@Injectable()
export class OrdersService {
  constructor(private readonly propagator: RedisPropagatorService) {}

  async ship(userId: string): Promise<boolean | null> {
    const data = { shipped: true };
    const { reached } = await this.propagator.emitToUser({ userId, event: 'order-update', data });
    return reached;
  }
}

@Module({ providers: [OrdersService] })
export class OrdersModule {}
