import { UseFilters, UseGuards, UseInterceptors } from '@nestjs/common';
import {
  Ack,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
  type OnGatewayConnection,
  type WsResponse,
} from '@nestjs/websockets';
import {
  CurrentUser,
  Propagate,
  PropagatorExceptionFilter,
  RedisPropagatorInterceptor,
  RedisPropagatorService,
  WsAuthGuard,
  type AuthenticatedSocket,
  type NamespacePropagator,
} from 'nestjs-redis-propagator';
import type { JoinedRoom } from '../../shared/events.js';
import type { Failure } from '../../shared/failure.js';
import type { Message } from '../../shared/model.js';
import { userOf } from '../auth/demo-users.js';
import { DraftDto, MessageDto, RoomDto, TypingDto } from './chat.dto.js';
import { RoomStore } from './room-store.js';

/** Left out where the client did not ask for one. */
type Answer<T> = ((answer: T) => void) | undefined;

/**
 * Rooms. What a handler returns as an event reaches the user's other tabs by the interceptor, on whichever instance
 * they are; `@Propagate` has it go to a room instead. What a handler acknowledges is the asking tab's alone.
 */
@UseGuards(WsAuthGuard)
@UseFilters(PropagatorExceptionFilter)
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'chat' })
export class ChatGateway implements OnGatewayConnection<AuthenticatedSocket> {
  private readonly chat: NamespacePropagator;

  constructor(
    private readonly rooms: RoomStore,
    propagator: RedisPropagatorService,
  ) {
    this.chat = propagator.of('/chat');
  }

  /** A new tab, or one that comes from another instance, is told where its user is. */
  async handleConnection(socket: AuthenticatedSocket): Promise<void> {
    const userId = socket.auth?.userId;
    if (userId === undefined) return;
    try {
      socket.emit('rooms', { rooms: await this.rooms.roomsOf(userId) });
    } catch {
      // Redis is away, and has been reported. The client keeps the rooms that it knows, and can join others later.
    }
  }

  @SubscribeMessage('join')
  async join(
    @MessageBody() { room }: RoomDto,
    @CurrentUser('userId') userId: string,
    @ConnectedSocket() socket: AuthenticatedSocket,
    @Ack() ack: Answer<JoinedRoom>,
  ): Promise<WsResponse | undefined> {
    const isNew = await this.rooms.join(room, userId);
    // First in, then the history: so no message falls between the two. One may be in both, and has an id.
    await socket.join(room);
    const [members, history] = await Promise.all([
      this.rooms.members(room),
      this.rooms.history(room),
    ]);
    // Before anything that another instance has to do: one that stands still is waited for, and not by this client.
    ack?.({ members, history, room });
    if (isNew) {
      // All tabs of the user, on all instances.
      await this.chat.joinUser(userId, room);
      const data = { room, user: userOf(userId) };
      void this.chat.emitToRoom({ room, event: 'user-joined', data });
    }
    return isNew ? { event: 'joined-room', data: { room } } : undefined;
  }

  @SubscribeMessage('leave')
  async leave(
    @MessageBody() { room }: RoomDto,
    @CurrentUser('userId') userId: string,
    @ConnectedSocket() socket: AuthenticatedSocket,
    @Ack() ack: Answer<{ room: string }>,
  ): Promise<WsResponse | undefined> {
    const wasMember = await this.rooms.leave(room, userId);
    await socket.leave(room);
    ack?.({ room });
    if (wasMember) {
      // No tab of a user who has left goes on listening.
      await this.chat.leaveUser(userId, room);
      const data = { room, user: userOf(userId) };
      void this.chat.emitToRoom({ room, event: 'user-left', data });
    }
    return wasMember ? { event: 'left-room', data: { room } } : undefined;
  }

  @Propagate({ room: ({ room }: MessageDto) => room })
  @SubscribeMessage('message')
  async say(
    @MessageBody() { room, text, clientId }: MessageDto,
    @CurrentUser('userId') userId: string,
    @Ack() ack: Answer<Message>,
  ): Promise<WsResponse<Message>> {
    // Redis knows, and not `socket.rooms`: this may be a tab that has just come from another instance.
    if (!(await this.rooms.isMember(room, userId))) throw notAMember(room);
    const message = await this.rooms.append({ room, userId, text, clientId });
    // Only what is stored is acknowledged. A client without an answer sends again, here or elsewhere, and the room gets
    // the message again, too: nobody knows whether it got it before. It has the same id then.
    ack?.(message);
    return { event: 'message', data: message };
  }

  /** Comes often, and is old in a second: not checked in Redis, and left out where a client cannot keep up. */
  @SubscribeMessage('typing')
  typing(
    @MessageBody() { room, typing }: TypingDto,
    @CurrentUser('userId') userId: string,
    @ConnectedSocket() socket: AuthenticatedSocket,
  ): void {
    if (!socket.rooms.has(room)) return;
    void this.chat.emitToRoom({
      room,
      event: 'typing',
      data: { room, user: userOf(userId), typing },
      volatile: true,
      exceptSocketId: socket.id,
    });
  }

  /** What somebody has begun to write shows up on their other devices, by the interceptor. */
  @SubscribeMessage('draft')
  draft(
    @MessageBody() { room, text }: DraftDto,
    @ConnectedSocket() { id }: AuthenticatedSocket,
  ): WsResponse {
    return { event: 'draft', data: { room, text, socketId: id } };
  }
}

function notAMember(room: string): WsException {
  return new WsException({
    status: 'error',
    code: 'room.not-a-member',
    message: `You are not in the room ${room}.`,
  } satisfies Failure);
}
