import { Module } from '@nestjs/common';
import { RedisPropagatorModule } from 'nestjs-redis-propagator';
import { demoAuth } from './demo-auth.js';
import { CartGateway } from './cart.gateway.js';
import { OrdersService } from './orders.service.js';

@Module({
  imports: [RedisPropagatorModule.forRoot({ redis: process.env.REDIS_URL, auth: demoAuth })],
  providers: [CartGateway, OrdersService],
})
export class AppModule {}
