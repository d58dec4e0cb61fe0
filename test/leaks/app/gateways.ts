import {
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type OnGatewayInit,
} from '@nestjs/websockets';
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
export class RootGateway extends Rooms implements OnGatewayInit {
  @WebSocketServer() readonly server!: Server;

  /** An app that disconnects sockets before anybody else has seen them. */
  afterInit(): void {
    this.server.on('connect', (socket) => {
      if (socket.data.userId === 'unwelcome') socket.disconnect(true);
    });
  }
}

@WebSocketGateway({ namespace: /^\/tenant-\d+$/ })
export class TenantGateway extends Rooms {}
