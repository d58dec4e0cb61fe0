import {
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
} from '@nestjs/websockets';
import type { Server } from 'socket.io';
import type { AuthenticatedSocket } from '../../src/index.js';
import { Deferred } from './deferred.js';

/** A gate that blocks until a test opens it. */
export class Door {
  readonly knocked = new Deferred();
  readonly opened = new Deferred();

  async pass(): Promise<void> {
    this.knocked.resolve();
    await this.opened.promise;
  }
}

/** An app with a Socket.IO middleware that a test can delay. */
@WebSocketGateway()
export class SlowGateway
  implements OnGatewayInit<Server>, OnGatewayConnection, OnGatewayDisconnect
{
  @WebSocketServer() readonly server!: Server;

  static door: Door | undefined;
  /** Connects and disconnects, as the gateway saw them. */
  static readonly seen: string[] = [];

  static reset(): void {
    SlowGateway.door = undefined;
    SlowGateway.seen.length = 0;
  }

  afterInit(server: Server): void {
    server.use((_, next) => {
      void (SlowGateway.door?.pass() ?? Promise.resolve()).then(() => next());
    });
  }

  handleConnection({ data }: AuthenticatedSocket): void {
    SlowGateway.seen.push(`${data.userId} came`);
  }

  handleDisconnect({ data }: AuthenticatedSocket): void {
    SlowGateway.seen.push(`${data.userId} went`);
  }

  @SubscribeMessage('rooms')
  rooms({ id, rooms }: AuthenticatedSocket): string[] {
    return [...rooms].filter((room) => room !== id && !room.startsWith('propagator#'));
  }
}
