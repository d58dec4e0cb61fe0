import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server } from 'socket.io';
import type { AuthenticatedSocket } from '../../../src/index.js';

class Rooms {
  @SubscribeMessage('join')
  async join(client: AuthenticatedSocket, room: string): Promise<boolean> {
    await client.join(room);
    return true;
  }

  @SubscribeMessage('leave')
  async leave(client: AuthenticatedSocket, room: string): Promise<boolean> {
    await client.leave(room);
    return true;
  }
}

@WebSocketGateway()
export class RootGateway extends Rooms {
  @WebSocketServer() readonly server!: Server;
}

@WebSocketGateway({ namespace: /^\/tenant-\d+$/ })
export class TenantGateway extends Rooms {}
