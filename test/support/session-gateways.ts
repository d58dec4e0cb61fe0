import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server } from 'socket.io';
import type { AuthenticatedSocket } from '../../src/index.js';
import { SessionService } from '../../src/index.js';
import type { TestInstance } from './test-instance.js';

/** Tells a client the id of its session. */
@WebSocketGateway()
export class SessionGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('which session')
  whichSession({ auth }: AuthenticatedSocket): string | null {
    return auth?.sessionId ?? null;
  }
}

/** The same gateway in another namespace. */
@WebSocketGateway({ namespace: 'chat' })
export class ChatSessionGateway extends SessionGateway {}

export function sessionsOf({ app }: TestInstance): SessionService {
  return app.get(SessionService);
}
