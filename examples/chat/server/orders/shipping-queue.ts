import { Injectable } from '@nestjs/common';
import type { Order } from '../../shared/model.js';
import { Data } from '../common/data.js';

/** Orders that are to be shipped, in Redis: the instance that took an order may be gone by then. */
@Injectable()
export class ShippingQueue {
  private readonly key: string;

  constructor(private readonly data: Data) {
    this.key = data.key('orders', 'to-ship');
  }

  async add(order: Order, dueAt: number): Promise<void> {
    await this.data.use((redis) => redis.zadd(this.key, dueAt, JSON.stringify(order)));
  }

  /** What is due now. Each order is handed to one instance: who takes it out of the set has it. */
  async take(): Promise<Order[]> {
    return this.data.use(async (redis) => {
      const due = await redis.zrangebyscore(this.key, 0, Date.now(), 'LIMIT', 0, 20);
      const taken = await Promise.all(due.map((order) => redis.zrem(this.key, order)));
      return due.filter((_order, i) => taken[i] === 1).map((order) => JSON.parse(order) as Order);
    });
  }
}
