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

/** Absent if the client did not ask for an acknowledgement. */
type Answer<T> = ((answer: T) => void) | undefined;

/**
 * Rooms. The interceptor sends an event that a handler returns to the user's other tabs, on any instance;
 * `@Propagate` sends it to a room instead. An acknowledgement goes only to the asking tab.
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

  /** Tells a new tab, or one that comes from another instance, the rooms of its user. */
  async handleConnection(socket: AuthenticatedSocket): Promise<void> {
    const userId = socket.auth?.userId;
    if (userId === undefined) return;
    const recovered = socket.recovered ? [...socket.rooms] : [];
    try {
      const rooms = await this.rooms.roomsOf(userId);
      // The user may have left rooms in another tab, while this one was disconnected.
      for (const room of recovered) {
        if (room !== socket.id && !rooms.includes(room)) await socket.leave(room);
      }
      socket.emit('rooms', { rooms });
    } catch {
      // Redis is down, and that has been reported. The client keeps the rooms that it knows, and can join others
      // later.
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
    // First join, then read the history, so that no message is missed in between. A message in both has the same
    // id.
    await socket.join(room);
    const [members, history] = await Promise.all([
      this.rooms.members(room),
      this.rooms.history(room),
    ]);
    // Before the work on other instances: a frozen instance would delay it, and this client must not wait for that.
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
      // No tab of a user who has left keeps receiving messages.
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
    // Ask Redis, not `socket.rooms`, because this tab may have just come from another instance.
    if (!(await this.rooms.isMember(room, userId))) throw notAMember(room);
    const message = await this.rooms.append({ room, userId, text, clientId });
    // A message is acknowledged only once it is stored. A client without an acknowledgement sends it again, here or
    // on another instance, and the room gets it again, too, because it is unknown whether it got it before. The id
    // stays the same.
    ack?.(message);
    return { event: 'message', data: message };
  }

  /** Sent often, and outdated in a second: not checked in Redis, and left out for a client that cannot keep up. */
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

  /** The interceptor shows the draft on the user's other devices. */
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
