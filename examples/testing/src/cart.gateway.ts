import { UseInterceptors } from '@nestjs/common';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type WsResponse,
} from '@nestjs/websockets';
import { RedisPropagatorInterceptor } from 'nestjs-redis-propagator';

/** What somebody puts into the cart is in it on all devices. */
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
export class CartGateway {
  @SubscribeMessage('add')
  add(@MessageBody() article: string): WsResponse<{ article: string }> {
    return { event: 'added', data: { article } };
  }
}
