import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { RedisPropagatorModule } from 'nestjs-redis-propagator';
import { LoginController } from './login.controller.js';
import { NotesGateway } from './notes.gateway.js';
import { FOR_SOCKETS, identityOf, jwtOptions } from './tokens.js';

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    JwtModule.registerAsync({
      global: true,
      inject: [ConfigService],
      useFactory: (config: ConfigService) => jwtOptions(config.getOrThrow('JWT_SECRET')),
    }),
    RedisPropagatorModule.forRootAsync({
      inject: [JwtService, ConfigService],
      useFactory: (jwt: JwtService, config: ConfigService) => ({
        redis: config.get<string>('REDIS_URL'),
        prefix: config.get<string>('REDIS_PREFIX'),
        auth: {
          required: true,
          authenticate: (token) => identityOf(jwt, token, FOR_SOCKETS),
        },
      }),
    }),
  ],
  controllers: [LoginController],
  providers: [NotesGateway],
})
export class AppModule {}
