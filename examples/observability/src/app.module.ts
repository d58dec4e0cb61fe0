import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { RedisPropagatorModule } from 'nestjs-redis-propagator';
import { DiagnosticsController } from './diagnostics.controller.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';
import { PingGateway } from './ping.gateway.js';

@Module({
  imports: [
    RedisPropagatorModule.forRoot({
      redis: process.env.REDIS_URL,
      prefix: process.env.REDIS_PREFIX,
    }),
    TerminusModule,
  ],
  controllers: [DiagnosticsController, HealthController, MetricsController],
  providers: [PingGateway],
})
export class AppModule {}
