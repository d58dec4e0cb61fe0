// @ts-check
// A plain Nest app with this library, its options at their defaults.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { deflate, namespaces } from './nest-app.mjs';

// BENCH_LIBRARY is the path of another build.
const { DiagnosticsService, RedisPropagatorModule, RedisPropagatorService, SocketStateAdapter } =
  await import(process.env.BENCH_LIBRARY ?? '../../dist/index.js');
const { REDIS_URL, SECRET, PRESENCE, COALESCE, RECOVERY, RECOVERY_OPTION } = process.env;

/** @returns {Promise<import('./contestant.mjs').Contestant>} */
export async function start() {
  const gateways = namespaces().map((namespace) => {
    class BenchGateway {
      handleConnection(/** @type {any} */ socket) {
        const { rooms = [] } = socket.handshake.auth;
        if (rooms.length > 0) socket.join(rooms);
      }
    }
    WebSocketGateway({ transports: ['websocket'], namespace, ...deflate() })(BenchGateway);
    return BenchGateway;
  });
  class BenchModule {}
  Module({
    imports: [
      RedisPropagatorModule.forRoot({
        redis: REDIS_URL,
        // Separates the variants.
        prefix: `bench:${process.env.CONTESTANT}`,
        auth: { authenticate: (/** @type {string} */ token) => ({ userId: token }) },
        ...(SECRET === undefined ? {} : { secret: SECRET }),
        ...(PRESENCE === 'off' ? { presence: false } : {}),
        ...(COALESCE === 'off' ? { coalesceWrites: false } : {}),
        ...(RECOVERY === 'on' && RECOVERY_OPTION !== 'off' ? { recovery: {} } : {}),
      }),
    ],
    providers: gateways,
  })(BenchModule);

  const app = await NestFactory.create(BenchModule, { logger: ['error'] });
  app.useWebSocketAdapter(new SocketStateAdapter(app));
  await app.listen(0, '127.0.0.1');
  const propagator = app.get(RedisPropagatorService);
  return {
    url: `http://127.0.0.1:${app.getHttpServer().address().port}`,
    toUser: (userId, event, data, namespace = '/') =>
      propagator.emitToUser({ userId, event, data, namespace }),
    toRoom: (room, event, data) => propagator.emitToRoom({ room, event, data }),
    toAll: (event, data) => propagator.emitToAll({ event, data }),
    recovery: () => app.get(DiagnosticsService).diagnostics().recovery,
    close: () => app.close(),
  };
}
