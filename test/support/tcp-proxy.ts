import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A prefix that neither Redis nor its clients send. */
const GARBAGE = Buffer.from([0xff, 0xfe, 0x00, 0x13, 0x37, 0x0d, 0x0a]);

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Whether the connection has sent a SUBSCRIBE. */
  subscriber: boolean;
  /** Whether bytes from Redis are discarded. */
  deaf: boolean;
  /** Delayed bytes to Redis; undefined if they are not delayed. */
  held: Buffer[] | undefined;
  /** The moment after which no bytes pass in either direction. */
  readonly silentFrom: Silence | undefined;
  silent: boolean;
  /** `next` garbles the next bytes from Redis; `done` keeps a garbled connection open, although its client ends it. */
  garbling?: 'next' | 'done';
}

/** When a connection falls silent: at its first byte, or at the first SUBSCRIBE. */
export type Silence = 'start' | 'subscribe';

/** A proxy between an app and its Redis that simulates network failures. */
export class TcpProxy {
  private readonly links = new Set<Link>();
  private silence: Silence | undefined;
  private isCutOff = false;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async to(redis: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(redis);
    const server = createServer({ allowHalfOpen: true });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const own = (server.address() as AddressInfo).port;
    const proxy = new TcpProxy(server, `redis://127.0.0.1:${own}`);
    server.on('connection', (client) => proxy.link(client, connect(Number(port), hostname)));
    return proxy;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.links.size;
  }

  /** From now on the current subscribed connections receive nothing more. They stay open. */
  deafen(): void {
    for (const link of this.links) link.deaf = link.subscriber;
  }

  /**
   * From now on commands on connections without subscriptions are executed, but their replies are lost. The
   * connections stay open.
   */
  loseAnswers(): void {
    for (const link of this.links) link.deaf = !link.subscriber;
  }

  /**
   * The next bytes from Redis arrive garbled on the subscribed connections, or on the others. Those behind them still
   * arrive while the client ends the connection.
   */
  garbleNext(subscriber: boolean): void {
    for (const link of this.links) if (link.subscriber === subscriber) link.garbling = 'next';
  }

  /** From now on commands on connections without subscriptions never arrive. */
  holdBack(): void {
    for (const link of this.links) if (!link.subscriber) link.held = [];
  }

  /** The next connection is accepted, falls silent, and stays open. */
  silenceNext(from: Silence): void {
    this.silence = from;
  }

  /** The number of silent connections. */
  get silent(): number {
    return [...this.links].filter(({ silent }) => silent).length;
  }

  /**
   * From now on commands of the subscribed connections are delayed, and these connections still receive messages.
   * Returns a function that delivers the commands.
   */
  holdSubscribers(): () => void {
    const late = [...this.links].filter(({ subscriber }) => subscriber);
    for (const link of late) link.held = [];
    return () => {
      for (const link of late) {
        const { upstream, held = [] } = link;
        link.held = undefined;
        if (this.links.has(link)) upstream.write(Buffer.concat(held));
        else upstream.destroy();
      }
    };
  }

  /**
   * Cuts the subscribed connections. The next ones cannot subscribe until the returned function is called: it delivers
   * their commands.
   */
  cutOff(): () => void {
    this.isCutOff = true;
    this.cutThose(true);
    return () => {
      this.isCutOff = false;
      for (const link of this.links) {
        const { upstream, held = [] } = link;
        link.held = undefined;
        upstream.write(Buffer.concat(held));
      }
    };
  }

  /** Whether the delayed bytes contain these words. */
  holds(words: string): boolean {
    return [...this.links].some(({ held = [] }) => Buffer.concat(held).includes(words));
  }

  /** Cuts the subscribed connections, or the others. */
  cutThose(subscriber: boolean): void {
    for (const link of this.links) if (link.subscriber === subscriber) link.client.destroy();
  }

  /**
   * Cuts all connections. Returns a function that delivers the delayed bytes, and resolves when Redis has executed
   * them.
   */
  cut(): () => Promise<void> {
    const late = [...this.links].filter(({ held }) => held !== undefined);
    for (const { client, upstream, held } of this.links) {
      // The other connections had no delayed bytes.
      if (held === undefined) upstream.destroy();
      client.destroy();
    }
    return async () => {
      for (const { upstream, held = [] } of late) {
        const closed = once(upstream, 'close');
        upstream.end(Buffer.concat(held));
        await closed;
      }
    };
  }

  async close(): Promise<void> {
    for (const { client, upstream } of this.links) {
      client.destroy();
      upstream.destroy();
    }
    this.server.close();
    await once(this.server, 'close');
  }

  private link(client: Socket, upstream: Socket): void {
    const link: Link = {
      client,
      upstream,
      subscriber: false,
      deaf: false,
      held: undefined,
      silentFrom: this.silence,
      silent: false,
    };
    this.silence = undefined;
    this.links.add(link);
    client.on('data', (bytes) => {
      // The scripts of presence have the word in a comment.
      if (bytes.includes('subscribe\r') || bytes.includes('SUBSCRIBE\r')) link.subscriber = true;
      const { silentFrom } = link;
      link.silent ||= silentFrom === 'start';
      link.silent ||= silentFrom === 'subscribe' && /\bsubscribe\r/i.test(bytes.toString('latin1'));
      if (link.silent) return;
      if (this.isCutOff && link.subscriber) link.held ??= [];
      if (link.held === undefined) upstream.write(bytes);
      else link.held.push(bytes);
    });
    upstream.on('data', (bytes) => {
      if (link.deaf || link.silent || client.destroyed) return;
      if (link.garbling === 'next') {
        link.garbling = 'done';
        client.write(GARBAGE);
      }
      client.write(bytes);
    });
    client.on('end', () => {
      if (link.garbling !== 'done') client.end();
    });
    const end = (): void => {
      this.links.delete(link);
      client.destroy();
      if (link.held === undefined) upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('close', end).on('error', end);
  }
}
