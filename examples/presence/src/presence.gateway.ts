import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { PresenceService, type AuthenticatedSocket } from 'nestjs-redis-propagator';

/** Requests of clients, and their own status. */
@WebSocketGateway()
export class PresenceGateway {
  constructor(private readonly presence: PresenceService) {}

  /** Which of these users are online, such as those of a contact list. */
  @SubscribeMessage('which')
  async which(@MessageBody() userIds: string[]): Promise<string[]> {
    const answers = await this.presence.areOnline(userIds);
    return userIds.filter((userId) => answers.get(userId));
  }

  /** When a user was last seen, in ms since 1970; null for never. */
  @SubscribeMessage('last-seen')
  async lastSeen(@MessageBody() userId: string): Promise<{ at: number | null }> {
    return { at: await this.presence.lastSeen(userId) };
  }

  /** The user comes from the token, so nobody can set the status of somebody else. */
  @SubscribeMessage('status')
  async status(
    @ConnectedSocket() socket: AuthenticatedSocket,
    @MessageBody() status: string | null,
  ): Promise<boolean> {
    const userId = socket.auth?.userId;
    return userId !== undefined && (await this.presence.setStatus(userId, status));
  }
}
