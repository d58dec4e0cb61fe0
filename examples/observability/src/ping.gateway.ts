import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { Propagate, RedisPropagatorInterceptor } from 'nestjs-redis-propagator';

/** Creates some events to look at. */
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
export class PingGateway {
  @Propagate('all')
  @SubscribeMessage('ping')
  ping(): WsResponse<number> {
    return { event: 'pinged', data: Date.now() };
  }
}
