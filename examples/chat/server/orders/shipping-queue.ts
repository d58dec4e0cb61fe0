import { Injectable } from '@nestjs/common';
import type { Order } from '../../shared/model.js';
import { Data } from '../common/data.js';

/** Orders to be shipped, in Redis, because the instance that took an order may have ended by then. */
@Injectable()
export class ShippingQueue {
  private readonly key: string;

  constructor(private readonly data: Data) {
    this.key = data.key('orders', 'to-ship');
  }

  async add(order: Order, dueAt: number): Promise<void> {
    await this.data.use((redis) => redis.zadd(this.key, dueAt, JSON.stringify(order)));
  }

  /** Takes the due orders. Each order goes to one instance: the one that removes it from the set. */
  async take(): Promise<Order[]> {
    return this.data.use(async (redis) => {
      const due = await redis.zrangebyscore(this.key, 0, Date.now(), 'LIMIT', 0, 20);
      const taken = await Promise.all(due.map((order) => redis.zrem(this.key, order)));
      return due.filter((_order, i) => taken[i] === 1).map((order) => JSON.parse(order) as Order);
    });
  }
}
