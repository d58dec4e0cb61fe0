import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { RedisPropagatorModule } from 'nestjs-redis-propagator';
import { NotesGateway } from './notes.gateway.js';
import { oidcAuth } from './oidc.js';

@Module({
  imports: [
    RedisPropagatorModule.forRootAsync({
      imports: [ConfigModule.forRoot()],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        redis: config.get<string>('REDIS_URL'),
        prefix: config.get<string>('REDIS_PREFIX'),
        auth: oidcAuth({
          issuer: config.getOrThrow('OIDC_ISSUER'),
          audience: config.getOrThrow('OIDC_AUDIENCE'),
          jwksUri: config.getOrThrow('OIDC_JWKS_URI'),
          keysCooldownMs: Number(config.get('OIDC_KEYS_COOLDOWN_MS', '30000')),
          keysMaxAgeMs: Number(config.get('OIDC_KEYS_MAX_AGE_MS', '600000')),
        }),
      }),
    }),
  ],
  providers: [NotesGateway],
})
export class AppModule {}
