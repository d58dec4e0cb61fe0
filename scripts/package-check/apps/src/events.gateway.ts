import { UseInterceptors } from '@nestjs/common';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type WsResponse,
} from '@nestjs/websockets';
import { RedisPropagatorInterceptor } from 'nestjs-redis-propagator';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
export class EventsGateway {
  @SubscribeMessage('say')
  say(@MessageBody() text: string): WsResponse<string> {
    return { event: 'said', data: text };
  }
}
