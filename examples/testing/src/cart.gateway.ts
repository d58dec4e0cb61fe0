import { UseInterceptors } from '@nestjs/common';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type WsResponse,
} from '@nestjs/websockets';
import { RedisPropagatorInterceptor } from 'nestjs-redis-propagator';

/** An article in the cart appears on all devices of the user. */
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
export class CartGateway {
  @SubscribeMessage('add')
  add(@MessageBody() article: string): WsResponse<{ article: string }> {
    return { event: 'added', data: { article } };
  }
}
