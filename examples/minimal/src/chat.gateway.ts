import { UseInterceptors } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type WsResponse,
} from '@nestjs/websockets';
import {
  Propagate,
  RedisPropagatorInterceptor,
  type AuthenticatedSocket,
} from 'nestjs-redis-propagator';

interface ChatMessage {
  from: string | null;
  text: string;
}

/** A namespace of its own: the same authentication, and events that stay inside it. */
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'chat' })
export class ChatGateway {
  // Not only the user's own sockets: everybody in the chat reads what was said.
  @Propagate('all')
  @SubscribeMessage('message')
  say(
    @ConnectedSocket() socket: AuthenticatedSocket,
    @MessageBody() text: string,
  ): WsResponse<ChatMessage> {
    // Who said it comes from the token, so that no client can speak for somebody else.
    return { event: 'message', data: { from: socket.auth?.userId ?? null, text } };
  }
}
