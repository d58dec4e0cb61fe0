import { Module } from '@nestjs/common';
import { RedisPropagatorModule } from 'nestjs-redis-propagator';
import { EventsGateway } from './events.gateway.js';
import { GreetingsController } from './greetings.controller.js';

@Module({
  imports: [
    RedisPropagatorModule.forRoot({
      redis: process.env.REDIS_URL,
      auth: { authenticate: async (token) => (token === 'bad' ? null : { userId: token }) },
    }),
  ],
  controllers: [GreetingsController],
  providers: [EventsGateway],
})
export class AppModule {}
