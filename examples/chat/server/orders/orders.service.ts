import { Injectable } from '@nestjs/common';
import { PresenceService, RedisPropagatorService, type Receipt } from 'nestjs-redis-propagator';
import { randomUUID } from 'node:crypto';
import type { OrderResponse } from '../../shared/http.js';
import type { Order } from '../../shared/model.js';
import { Config } from '../config.js';
import { ShippingQueue } from './shipping-queue.js';

@Injectable()
export class OrdersService {
  constructor(
    private readonly propagator: RedisPropagatorService,
    private readonly presence: PresenceService,
    private readonly queue: ShippingQueue,
    private readonly config: Config,
  ) {}

  async place(userId: string, item: string): Promise<OrderResponse> {
    const order: Order = { id: randomUUID(), item, userId, status: 'received', at: Date.now() };
    // First store, then send, so that no user hears of an order that is lost.
    await this.queue.add(order, order.at + this.config.shippingMs);
    const receipt = await this.tell(order);
    // With `recovery` an instance also receives the event for a client that has left and may come back: presence knows whether the
    // user is online.
    const reached = receipt.reached && (await this.presence.isOnline(userId).catch(() => null));
    return { order, reached, pushWouldBeSent: reached === false };
  }

  /** Sent to all devices of the user, on any instance. */
  tell(order: Order): Promise<Receipt> {
    return this.propagator.emitToUser({ userId: order.userId, event: 'order-update', data: order });
  }
}
