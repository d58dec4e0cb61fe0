import { once } from 'node:events';
import { WebSocket } from 'ws';

/** How the server responded. */
export type Outcome = 'connected' | 'refused' | 'gone';

/**
 * A client with just enough Socket.IO to connect, to join rooms, and to ignore requests: thousands of them cost
 * little next to the server.
 */
export class RawSocket {
  private readonly waiting = new Map<string, (outcome: Outcome) => void>();
  private lastAck = 0;
  readonly closed: Promise<unknown>;

  private constructor(private readonly socket: WebSocket) {
    this.closed = once(socket, 'close');
    socket.on('message', (data: Buffer) => this.received(data.toString()));
    // Connections that are cut off during the handshake end with an error.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const key of this.waiting.keys()) this.settle(key, 'gone');
    });
  }

  /** Resolves after Engine.IO's handshake, before any namespace is joined. */
  static async open(url: string): Promise<RawSocket> {
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
    );
    const raw = new RawSocket(socket);
    await raw.waitFor('open');
    return raw;
  }

  static async connect(url: string, token: string): Promise<RawSocket> {
    const raw = await RawSocket.open(url);
    const outcome = await raw.enter('/', token);
    if (outcome !== 'connected') throw new Error(`${token} was ${outcome}`);
    return raw;
  }

  /** Joins a namespace as the user named by the token. */
  enter(namespace: string, token: string): Promise<Outcome> {
    const answered = this.waitFor(`connect ${namespace}`);
    this.socket.send(`40${prefixOf(namespace)}${JSON.stringify({ token })}`);
    return answered;
  }

  leave(namespace: string): void {
    this.socket.send(`41${prefixOf(namespace)}`);
  }

  /** Resolves once the server has acknowledged the event. */
  async ask(namespace: string, event: string, data: unknown): Promise<void> {
    const id = ++this.lastAck;
    const answered = this.waitFor(`ack ${namespace} ${id}`);
    this.socket.send(`42${prefixOf(namespace)}${id}${JSON.stringify([event, data])}`);
    if ((await answered) === 'gone') throw new Error(`no answer to "${event}"`);
  }

  /** Closes the connection at once, without a disconnect packet. */
  cut(): void {
    this.socket.terminate();
  }

  private waitFor(key: string): Promise<Outcome> {
    return new Promise((resolve) => this.waiting.set(key, resolve));
  }

  private settle(key: string, outcome: Outcome): void {
    this.waiting.get(key)?.(outcome);
    this.waiting.delete(key);
  }

  private received(text: string): void {
    if (text.startsWith('0')) this.settle('open', 'connected');
    if (text === '2') this.socket.send('3');
    const [, type, namespace = '/', ack] = /^4([034])(?:(\/[^,]*),)?(\d*)/.exec(text) ?? [];
    if (type === '0') this.settle(`connect ${namespace}`, 'connected');
    if (type === '4') this.settle(`connect ${namespace}`, 'refused');
    if (type === '3') this.settle(`ack ${namespace} ${ack}`, 'connected');
  }
}

function prefixOf(namespace: string): string {
  return namespace === '/' ? '' : `${namespace},`;
}
