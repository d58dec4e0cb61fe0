import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';
import { ShippingQueue } from './shipping-queue.js';
import { ShippingWorker } from './shipping-worker.js';

@Module({
  imports: [AuthModule],
  controllers: [OrdersController],
  providers: [OrdersService, ShippingQueue, ShippingWorker],
})
export class OrdersModule {}
