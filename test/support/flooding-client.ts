import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from './until.js';

/** A client that speaks Engine.IO and Socket.IO by hand, and keeps to no rule of either. */
export class FloodingClient {
  /** Socket.IO's packets, as they came. */
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

  /** Opens the connection, and asks for no namespace. */
  static async open(url: string): Promise<FloodingClient> {
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
    );
    const client = new FloodingClient(socket);
    await once(socket, 'message');
    return client;
  }

  /** Sends packets of Socket.IO, all of them in one go. */
  send(...packets: string[]): void {
    for (const packet of packets) this.socket.send(`4${packet}`);
  }

  /** The answers to CONNECT packets, by namespace: the codes of refusals, and `in` for each that was let in. */
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

/** A CONNECT packet. */
export function connectPacket(namespace: string, auth?: object): string {
  return `0${namespace === '/' ? '' : `${namespace},`}${auth === undefined ? '' : JSON.stringify(auth)}`;
}
