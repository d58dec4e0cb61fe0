import { UseInterceptors } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type WsResponse,
} from '@nestjs/websockets';
import { RedisPropagatorInterceptor, type AuthenticatedSocket } from 'nestjs-redis-propagator';

interface Note {
  by: string | undefined;
  text: string;
}

/** A note appears on all devices of the user who wrote it. */
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
export class NotesGateway {
  @SubscribeMessage('note')
  write(
    @ConnectedSocket() socket: AuthenticatedSocket,
    @MessageBody() text: string,
  ): WsResponse<Note> {
    return { event: 'note', data: { by: socket.auth?.userId, text } };
  }
}
