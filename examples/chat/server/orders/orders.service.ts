import { Injectable } from '@nestjs/common';
import { RedisPropagatorService, type Receipt } from 'nestjs-redis-propagator';
import { randomUUID } from 'node:crypto';
import type { OrderResponse } from '../../shared/http.js';
import type { Order } from '../../shared/model.js';
import { Config } from '../config.js';
import { ShippingQueue } from './shipping-queue.js';

@Injectable()
export class OrdersService {
  constructor(
    private readonly propagator: RedisPropagatorService,
    private readonly queue: ShippingQueue,
    private readonly config: Config,
  ) {}

  async place(userId: string, item: string): Promise<OrderResponse> {
    const order: Order = { id: randomUUID(), item, userId, status: 'received', at: Date.now() };
    // First store, then send, so that no user hears of an order that is lost.
    await this.queue.add(order, order.at + this.config.shippingMs);
    const { reached } = await this.tell(order);
    return { order, reached, pushWouldBeSent: reached === false };
  }

  /** Sent to all devices of the user, on any instance. The receipt says whether there are any. */
  tell(order: Order): Promise<Receipt> {
    return this.propagator.emitToUser({ userId: order.userId, event: 'order-update', data: order });
  }
}
