// An instance of a Nest app with this library, as its users run it.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import {
  RedisPropagatorModule,
  RedisPropagatorService,
  SocketStateAdapter,
} from 'nestjs-redis-propagator';
import { serveRole } from './role.mjs';

class BenchGateway {}
WebSocketGateway({ transports: ['websocket'] })(BenchGateway);

class BenchModule {}
Module({
  imports: [
    RedisPropagatorModule.forRoot({
      redis: process.env.REDIS_URL,
      prefix: process.env.SECRET === undefined ? 'bench' : 'bench-signed',
      secret: process.env.SECRET,
      auth: { authenticate: (token) => ({ userId: token }) },
    }),
  ],
  providers: [BenchGateway],
})(BenchModule);

const app = await NestFactory.create(BenchModule, { logger: false });
app.useWebSocketAdapter(new SocketStateAdapter(app));
await app.listen(0, '127.0.0.1');
const propagator = app.get(RedisPropagatorService);

serveRole({
  urlOf: () => `ws://127.0.0.1:${app.getHttpServer().address().port}`,
  token: (user) => user,
  publish: (user, event, data) => propagator.emitToUser({ userId: user, event, data }),
  close: () => app.close(),
});
