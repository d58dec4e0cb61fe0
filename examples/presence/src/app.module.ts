import { Module } from '@nestjs/common';
import { RedisPropagatorModule } from 'nestjs-redis-propagator';
import { demoAuth } from './demo-auth.js';
import { PresenceGateway } from './presence.gateway.js';
import { PresenceNews } from './presence-news.js';

@Module({
  imports: [
    RedisPropagatorModule.forRoot({
      redis: process.env.REDIS_URL,
      prefix: process.env.REDIS_PREFIX,
      auth: demoAuth,
      // Reloading the page, or a tunnel, takes less time than this and is not reported.
      presence: { graceMs: Number(process.env.GRACE_MS ?? 5000) },
    }),
  ],
  providers: [PresenceGateway, PresenceNews],
})
export class AppModule {}
