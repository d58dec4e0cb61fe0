import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { PresenceService, type AuthenticatedSocket } from 'nestjs-redis-propagator';

/** What clients ask, and say of themselves. */
@WebSocketGateway()
export class PresenceGateway {
  constructor(private readonly presence: PresenceService) {}

  /** Which of these are online: a list of contacts, say. */
  @SubscribeMessage('which')
  async which(@MessageBody() userIds: string[]): Promise<string[]> {
    const answers = await this.presence.areOnline(userIds);
    return userIds.filter((userId) => answers.get(userId));
  }

  /** When somebody was last there, in ms since 1970; null for never. */
  @SubscribeMessage('last-seen')
  async lastSeen(@MessageBody() userId: string): Promise<{ at: number | null }> {
    return { at: await this.presence.lastSeen(userId) };
  }

  /** Whose status it is comes from the token, so that nobody can set another one's. */
  @SubscribeMessage('status')
  async status(
    @ConnectedSocket() socket: AuthenticatedSocket,
    @MessageBody() status: string | null,
  ): Promise<boolean> {
    const userId = socket.auth?.userId;
    return userId !== undefined && (await this.presence.setStatus(userId, status));
  }
}
