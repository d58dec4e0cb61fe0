import { WebSocket } from 'ws';

/** A client that sends what no client library would. */
export class RawClient {
  private constructor(
    private readonly socket: WebSocket,
    /** Of the socket in the root namespace. */
    readonly id: string,
  ) {}

  /**
   * Resolves once the root namespace has let it in.
   *
   * @param auth JSON, as it is sent
   * @param query what follows the parameters of Engine.IO in the URL, as it is sent
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

  /** Sends a packet as it is, such as `42["event",1]`. */
  send(packet: string): void {
    this.socket.send(packet);
  }

  close(): void {
    this.socket.terminate();
  }
}
