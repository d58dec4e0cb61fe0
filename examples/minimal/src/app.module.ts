import { Module, type DynamicModule } from '@nestjs/common';
import { RedisPropagatorModule, type RedisPropagatorOptions } from 'nestjs-redis-propagator';
import { ChatGateway } from './chat.gateway.js';
import { demoAuth } from './demo-auth.js';
import { EventsGateway } from './events.gateway.js';
import { NotificationsController } from './notifications.controller.js';

@Module({
  controllers: [NotificationsController],
  providers: [EventsGateway, ChatGateway],
})
export class AppModule {
  /** The caller decides what connects the instances: Redis, or memory if they share a process. */
  static forRoot(options: RedisPropagatorOptions): DynamicModule {
    return {
      module: AppModule,
      imports: [RedisPropagatorModule.forRoot({ ...options, auth: demoAuth })],
    };
  }
}
