import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type ServerOptions } from 'socket.io';

/** A server of Socket.IO without the library: it says to the client what a test wants. */
export class PlainServer {
  private constructor(
    readonly io: Server,
    readonly url: string,
  ) {}

  static async start(options: Partial<ServerOptions> = {}, port = 0): Promise<PlainServer> {
    const http = createServer();
    const io = new Server(http, options);
    await once(http.listen(port, '127.0.0.1'), 'listening');
    const own = (http.address() as AddressInfo).port;
    return new PlainServer(io, `http://127.0.0.1:${own}`);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Closes the transports of all clients, as a broken network would. */
  dropClients(): void {
    for (const socket of this.io.of('/').sockets.values()) socket.conn.close();
  }

  close(): Promise<void> {
    return this.io.close();
  }
}
