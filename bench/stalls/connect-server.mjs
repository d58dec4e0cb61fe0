import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WebSocketGateway } from '@nestjs/websockets';
import { RedisPropagatorModule, SocketStateAdapter } from '../../dist/index.js';
import { serve } from '../processes/serve.mjs';
import { watchEventLoop } from './longest-stall.mjs';

const withLibrary = process.env.ADAPTER === 'library';

class BenchGateway {}
WebSocketGateway({ transports: ['websocket'] })(BenchGateway);

class BenchModule {}
Module({
  imports: withLibrary
    ? [
        RedisPropagatorModule.forRoot({
          redis: process.env.REDIS_URL,
          auth: { authenticate: (token) => ({ userId: token }) },
        }),
      ]
    : [],
  providers: [BenchGateway],
})(BenchModule);

const app = await NestFactory.create(BenchModule, { logger: false });
app.useWebSocketAdapter(withLibrary ? new SocketStateAdapter(app) : new IoAdapter(app));
await app.listen(0, '127.0.0.1');
const loop = watchEventLoop();

serve({
  where: () => `ws://127.0.0.1:${app.getHttpServer().address().port}`,
  stall: () => loop.longest(),
  close: async () => {
    loop.stop();
    await app.close();
  },
});
