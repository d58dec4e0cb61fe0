import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A prefix that neither Redis nor its clients send. */
const GARBAGE = Buffer.from([0xff, 0xfe, 0x00, 0x13, 0x37, 0x0d, 0x0a]);

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** A proxy between one instance and its Redis that simulates a faulty network. */
export class FaultyProxy {
  private readonly links = new Set<Link>();
  private delayMs = 0;
  private refusing = false;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async to({ host, port }: { host: string; port: number }): Promise<FaultyProxy> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const own = (server.address() as AddressInfo).port;
    const proxy = new FaultyProxy(server, `redis://127.0.0.1:${own}`);
    server.on('connection', (client) => {
      if (proxy.refusing) client.destroy();
      else proxy.link(client, connect(port, host));
    });
    return proxy;
  }

  /** The addresses of the connections, as Redis sees them. */
  get addresses(): string[] {
    return [...this.links].map(({ upstream }) => `127.0.0.1:${upstream.localPort}`);
  }

  /** Closes all connections; with a duration, new ones as well. */
  async cut(forMs = 0): Promise<void> {
    this.refusing = forMs > 0;
    for (const { client } of this.links) client.destroy();
    await new Promise((resolve) => setTimeout(resolve, forMs));
    this.refusing = false;
  }

  /** Holds all bytes back without closing anything. */
  async hang(forMs: number): Promise<void> {
    const hung = [...this.links];
    for (const { client, upstream } of hung) {
      client.pause();
      upstream.pause();
    }
    await new Promise((resolve) => setTimeout(resolve, forMs));
    for (const { client, upstream } of hung) {
      client.resume();
      upstream.resume();
    }
  }

  /** Delays bytes from now on by this time. */
  slow(delayMs: number): void {
    this.delayMs = delayMs;
  }

  /** Sends invalid bytes to the instance, or to Redis. */
  garble(from: 'redis' | 'instance'): void {
    for (const { client, upstream } of this.links) {
      (from === 'redis' ? client : upstream).write(GARBAGE);
    }
  }

  async close(): Promise<void> {
    for (const { client } of this.links) client.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private link(client: Socket, upstream: Socket): void {
    const link = { client, upstream };
    this.links.add(link);
    this.pass(client, upstream);
    this.pass(upstream, client);
    const end = (): void => {
      this.links.delete(link);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true).on('close', end).on('error', end);
    }
  }

  private pass(from: Socket, to: Socket): void {
    let late = Promise.resolve();
    from.on('data', (bytes) => {
      const { delayMs } = this;
      if (delayMs === 0) {
        // After bytes that are still delayed.
        void late.then(() => to.write(bytes));
        return;
      }
      const due = new Promise((resolve) => setTimeout(resolve, delayMs));
      late = late.then(async () => {
        await due;
        to.write(bytes);
      });
    });
  }
}
