import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { PATIENCE_MS, until } from './until.js';

export interface ConnectOptions extends Partial<ManagerOptions & SocketOptions> {
  token?: string;
  namespace?: string;
}

/** Ends each check of silence: when a client has received it, everything sent earlier has arrived. */
export const FENCE = 'test:fence';

export interface ReceivedEvent {
  event: string;
  args: unknown[];
}

/** A real socket.io client that records every event it receives. */
export class TestClient {
  readonly received: ReceivedEvent[] = [];
  private readonly fences = new Set<unknown>();

  private constructor(readonly socket: Socket) {
    socket.onAny((event: string, ...args: unknown[]) => {
      if (event === FENCE) this.fences.add(args[0]);
      else this.received.push({ event, args });
    });
  }

  /** Resolves once connected. Rejects with the `connect_error` if the server refuses. */
  static async connect(url: string, options: ConnectOptions = {}): Promise<TestClient> {
    const client = TestClient.open(url, options);
    try {
      await client.connected();
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /** Starts a client without waiting until it is connected. */
  static open(url: string, { token, namespace = '', ...options }: ConnectOptions = {}): TestClient {
    return new TestClient(
      io(`${url}${namespace}`, {
        transports: ['websocket'],
        forceNew: true,
        reconnection: false,
        ...(token !== undefined && { auth: { token } }),
        ...options,
      }),
    );
  }

  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.socket.connected) resolve();
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
  }

  get namespace(): string {
    return (this.socket as unknown as { nsp: string }).nsp;
  }

  get id(): string {
    return this.socket.id ?? '';
  }

  /** The names of all events, in order of arrival. */
  get events(): string[] {
    return this.received.map(({ event }) => event);
  }

  /** The first argument of each event of this name, in order of arrival. */
  data(event: string): unknown[] {
    return this.received.filter((entry) => entry.event === event).map(({ args }) => args[0]);
  }

  async waitFor(event: string, count = 1): Promise<unknown[]> {
    await until(
      () => this.data(event).length >= count,
      () => `${count} x "${event}", got ${JSON.stringify(this.received)}`,
    );
    return this.data(event);
  }

  async waitForFence(id: unknown): Promise<void> {
    await until(
      () => this.fences.has(id),
      () => `the fence ${String(id)}`,
    );
  }

  emit(event: string, ...args: unknown[]): void {
    this.socket.emit(event, ...args);
  }

  /** Rejects if the server does not acknowledge. */
  ask(event: string, ...args: unknown[]): Promise<unknown> {
    return this.socket.timeout(PATIENCE_MS).emitWithAck(event, ...args);
  }

  close(): void {
    this.socket.disconnect();
  }

  /** Closes the connection and waits until the server has noticed it, as far as the client can tell. */
  async closed(): Promise<void> {
    this.close();
    await until(
      () => !this.socket.connected,
      () => 'the client to be disconnected',
    );
  }
}
