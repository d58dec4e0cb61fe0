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

/** A namespace of its own, with the same authentication. Its events stay inside it. */
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'chat' })
export class ChatGateway {
  // Sent to everybody in the chat, not only to the user's own sockets.
  @Propagate('all')
  @SubscribeMessage('message')
  say(
    @ConnectedSocket() socket: AuthenticatedSocket,
    @MessageBody() text: string,
  ): WsResponse<ChatMessage> {
    // The author comes from the token, so no client can write as somebody else.
    return { event: 'message', data: { from: socket.auth?.userId ?? null, text } };
  }
}
