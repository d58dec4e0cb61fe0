import 'reflect-metadata';
import { expect, it } from '@jest/globals';
import { Module, UseInterceptors } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import {
  PropagatorError,
  RedisPropagatorInterceptor,
  RedisPropagatorModule,
  RedisPropagatorService,
  SocketStateAdapter,
} from 'nestjs-redis-propagator';
import { useInMemory } from 'nestjs-redis-propagator/testing';
import { io, type Socket } from 'socket.io-client';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class AskGateway {
  @SubscribeMessage('ask')
  ask(): WsResponse<string> {
    return { event: 'answer', data: 'x' };
  }
}

@Module({
  imports: [
    RedisPropagatorModule.forRoot({ auth: { authenticate: (token) => ({ userId: token }) } }),
  ],
  providers: [AskGateway],
})
class AppModule {}

const next = (socket: Socket, event: string): Promise<unknown> =>
  new Promise((resolve) => socket.once(event, resolve));

it('a test of an app runs with the packed library', async () => {
  const builder = Test.createTestingModule({ imports: [AppModule] });
  const app = (await useInMemory(builder).compile()).createNestApplication();
  app.useWebSocketAdapter(new SocketStateAdapter(app));
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  const devices = [1, 2].map(() =>
    io(url, { auth: { token: 'alice' }, transports: ['websocket'], forceNew: true }),
  );
  await Promise.all(devices.map((device) => next(device, 'connect')));

  const answers = Promise.all(devices.map((device) => next(device, 'answer')));
  devices[0]?.emit('ask');
  expect(await answers).toEqual(['x', 'x']);
  const refused = app.get(RedisPropagatorService).emitToAll({ event: 'disconnect' });
  await expect(refused).rejects.toBeInstanceOf(PropagatorError);

  for (const device of devices) device.close();
  await app.close();
});
