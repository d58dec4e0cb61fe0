import { once } from 'node:events';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';

/** A client that connects to the root namespace and then stops reading. */
export class StalledClient {
  private constructor(private readonly socket: WebSocket) {}

  static async connect(url: string, token?: string): Promise<StalledClient> {
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
    );
    socket.on('error', () => undefined);
    const connected = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        const text = data.toString();
        if (text.startsWith('0')) {
          socket.send(`40${token === undefined ? '' : JSON.stringify({ token })}`);
        } else if (text.startsWith('40')) {
          resolve();
        }
      });
    });
    await connected;
    const client = new StalledClient(socket);
    client.tcp.pause();
    return client;
  }

  /** Starts reading again, until the server has closed the connection. */
  async readOn(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, 'close');
    this.tcp.resume();
    await closed;
  }

  close(): void {
    this.socket.terminate();
  }

  private get tcp(): Socket {
    return (this.socket as unknown as { _socket: Socket })._socket;
  }
}
