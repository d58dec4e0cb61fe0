import { Module } from '@nestjs/common';
import { RedisPropagatorModule } from 'nestjs-redis-propagator';
import { AuthModule } from './auth/auth.module.js';
import { TokenService } from './auth/token.service.js';
import { ChatModule } from './chat/chat.module.js';
import { ClusterModule } from './cluster/cluster.module.js';
import { CommonModule } from './common/common.module.js';
import { Config } from './config.js';
import { HealthController } from './health/health.controller.js';
import { OrdersModule } from './orders/orders.module.js';
import { PresenceModule } from './presence/presence.module.js';
import { SessionsModule } from './sessions/sessions.module.js';

@Module({
  imports: [
    CommonModule,
    AuthModule,
    RedisPropagatorModule.forRootAsync({
      imports: [AuthModule],
      inject: [Config, TokenService],
      useFactory: (config: Config, tokens: TokenService) => ({
        redis: config.redis,
        prefix: config.prefix,
        auth: {
          required: true,
          authenticate: (token) => tokens.accountOf(token),
        },
        presence: { graceMs: config.presenceGraceMs },
        shutdown: { drainMs: config.drainMs },
        // A client that comes back, to any instance, gets the events that it missed.
        recovery: {},
        // Far more than a person sends from the page, and too little to harm others.
        limits: { eventsPerSecond: 50 },
      }),
    }),
    ClusterModule,
    ChatModule,
    PresenceModule,
    OrdersModule,
    SessionsModule,
  ],
  controllers: [HealthController],
})
export class AppModule {}
