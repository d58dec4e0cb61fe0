import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from './until.js';

/** A client with hand-written Engine.IO and Socket.IO packets that ignores the rules of both. */
export class FloodingClient {
  /** Received Socket.IO packets. */
  readonly packets: string[] = [];
  closed = false;

  private constructor(private readonly socket: WebSocket) {
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      if (text.startsWith('4')) this.packets.push(text.slice(1));
    });
  }

  /** Opens the connection without joining a namespace. */
  static async open(url: string): Promise<FloodingClient> {
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
    );
    const client = new FloodingClient(socket);
    await once(socket, 'message');
    return client;
  }

  /** Sends Socket.IO packets in one write. */
  send(...packets: string[]): void {
    for (const packet of packets) this.socket.send(`4${packet}`);
  }

  /** Replies to CONNECT packets, by namespace: the error code of a refusal, or `in` for a connected namespace. */
  get answers(): string[] {
    return this.packets.flatMap((packet) => {
      const [, type, namespace = '/', json = '{}'] =
        /^([04])(?:(\/[^,]*),)?(.*)$/s.exec(packet) ?? [];
      if (type === undefined) return [];
      const { data, message } = JSON.parse(json) as { data?: { code: string }; message?: string };
      return [`${namespace} ${type === '0' ? 'in' : (data?.code ?? message)}`];
    });
  }

  async answered(count: number): Promise<string[]> {
    await until(
      () => this.answers.length >= count,
      () => `${count} answers, got ${JSON.stringify(this.answers)}`,
    );
    return this.answers;
  }

  async end(): Promise<void> {
    await until(
      () => this.closed,
      () => `the server to close the connection; got ${JSON.stringify(this.packets)}`,
    );
  }

  close(): void {
    this.socket.terminate();
  }
}

/** Makes a CONNECT packet. */
export function connectPacket(namespace: string, auth?: object): string {
  return `0${namespace === '/' ? '' : `${namespace},`}${auth === undefined ? '' : JSON.stringify(auth)}`;
}
