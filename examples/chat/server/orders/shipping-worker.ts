import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { OrdersService } from './orders.service.js';
import { ShippingQueue } from './shipping-queue.js';

const LOOK_EVERY_MS = 250;

/** Stands for a queue worker. It has no sockets, and still reaches those of users. */
@Injectable()
export class ShippingWorker implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly queue: ShippingQueue,
    private readonly orders: OrdersService,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.ship(), LOOK_EVERY_MS);
  }

  /** An instance that drains leaves the rest to the others. */
  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async ship(): Promise<void> {
    try {
      for (const order of await this.queue.take()) {
        void this.orders.tell({ ...order, status: 'shipped', at: Date.now() });
      }
    } catch {
      // Redis is down, which `Data` has logged. Due orders stay due.
    }
  }
}
