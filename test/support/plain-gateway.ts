import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Namespace, Server } from 'socket.io';
import type { AuthenticatedSocket } from '../../src/index.js';
import type { TestCluster } from './test-cluster.js';

/** A typical gateway: clients join and leave rooms. */
@WebSocketGateway()
export class PlainGateway {
  @WebSocketServer() readonly server!: Server;

  /** Acknowledges once the socket has joined, or with the error. */
  @SubscribeMessage('join')
  async join(client: AuthenticatedSocket, room: string | string[]): Promise<boolean> {
    await client.join(room);
    return true;
  }

  @SubscribeMessage('leave')
  async leave(client: AuthenticatedSocket, room: string): Promise<boolean> {
    await client.leave(room);
    return true;
  }
}

/** The Socket.IO server of an instance with the {@link PlainGateway}. */
export function serverOf(cluster: TestCluster, index: number): Server {
  return cluster.instance(index).app.get(PlainGateway).server;
}

export function namespaceOf(cluster: TestCluster, index: number, name = '/'): Namespace {
  return serverOf(cluster, index).of(name);
}

/** The server-side socket of a client. */
export function socketOf(cluster: TestCluster, id: string): AuthenticatedSocket {
  for (const index of cluster.instances.keys()) {
    const socket = serverOf(cluster, index).sockets.sockets.get(id);
    if (socket !== undefined) return socket as unknown as AuthenticatedSocket;
  }
  throw new Error(`no instance has the socket ${id}`);
}
