import { WebSocket } from 'ws';

/** A client that sends packets no client library would send. */
export class RawClient {
  private constructor(
    private readonly socket: WebSocket,
    /** The id of the socket in the root namespace. */
    readonly id: string,
  ) {}

  /**
   * Resolves once the socket is connected to the root namespace.
   *
   * @param auth raw JSON
   * @param query appended to the URL after the parameters of Engine.IO
   */
  static connect(url: string, { auth = '', query = '' } = {}): Promise<RawClient> {
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket${query}`,
    );
    return new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed')));
      socket.on('message', (data: Buffer) => {
        const text = data.toString();
        if (text.startsWith('0')) socket.send(`40${auth}`);
        else if (text === '2') socket.send('3');
        else if (text.startsWith('44')) reject(new Error(text));
        else if (text.startsWith('40')) {
          resolve(new RawClient(socket, (JSON.parse(text.slice(2)) as { sid: string }).sid));
        }
      });
    });
  }

  /** Sends a raw packet, such as `42["event",1]`. */
  send(packet: string): void {
    this.socket.send(packet);
  }

  close(): void {
    this.socket.terminate();
  }
}
