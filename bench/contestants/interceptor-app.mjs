// @ts-check
// A gateway of an app with this library, whose handlers respond in four ways.
import 'reflect-metadata';
import { Module, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';

const {
  RedisPropagatorInterceptor,
  RedisPropagatorModule,
  RedisPropagatorService,
  SocketStateAdapter,
} = await import(process.env.BENCH_LIBRARY ?? '../../dist/index.js');
const { MODE = '' } = process.env;

/** @returns {Promise<import('./contestant.mjs').Contestant>} */
export async function start() {
  /** @type {any} */
  let propagator;
  class AnswersGateway {
    /** Responds only to the asking client, with an acknowledgement. */
    ask() {
      return 'yes';
    }

    /** Responds with an event, which the interceptor also sends to the user's other sockets. */
    say(/** @type {any} */ socket) {
      const answer = { event: 'said', data: { text: 'hello' } };
      if (MODE === 'by-hand') {
        const { userId } = socket.auth;
        void propagator.propagateEvent({ userId, socketId: socket.id, ...answer });
      }
      return answer;
    }
  }
  const { prototype } = AnswersGateway;
  handler(prototype, 'ask');
  handler(prototype, 'say');
  WebSocketGateway({ transports: ['websocket'] })(AnswersGateway);
  if (MODE === 'idle') UseInterceptors(IdleInterceptor)(AnswersGateway);
  if (MODE === 'interceptor') UseInterceptors(RedisPropagatorInterceptor)(AnswersGateway);
  class BenchModule {}
  Module({
    imports: [
      RedisPropagatorModule.forRoot({
        redis: process.env.REDIS_URL,
        prefix: `bench:${MODE}`,
        auth: { authenticate: (/** @type {string} */ token) => ({ userId: token }) },
      }),
    ],
    providers: [AnswersGateway],
  })(BenchModule);
  const app = await NestFactory.create(BenchModule, { logger: ['error'] });
  app.useWebSocketAdapter(new SocketStateAdapter(app));
  await app.listen(0, '127.0.0.1');
  propagator = app.get(RedisPropagatorService);
  return {
    url: `http://127.0.0.1:${app.getHttpServer().address().port}`,
    toUser: nothing,
    toRoom: nothing,
    toAll: nothing,
    close: () => app.close(),
  };
}

/** Its clients send; it does not publish. */
function nothing() {}

/** An interceptor in the form that Nest expects. */
class IdleInterceptor {
  intercept(/** @type {any} */ _context, /** @type {any} */ next) {
    return next.handle();
  }
}

/** Does the work of the decorators of a TypeScript app. @param {any} prototype @param {string} name */
function handler(prototype, name) {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  if (descriptor === undefined) throw new Error(name);
  SubscribeMessage(name)(prototype, name, descriptor);
  ConnectedSocket()(prototype, name, 0);
}
