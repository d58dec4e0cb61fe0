import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  /** It has subscribed to something. */
  subscriber: boolean;
  /** What comes from Redis goes nowhere. */
  deaf: boolean;
  /** What goes to Redis waits here; undefined: it does not. */
  held: Buffer[] | undefined;
  /** From when on nothing passes, in neither direction. */
  readonly silentFrom: Silence | undefined;
  silent: boolean;
}

/** A connection may fall silent at its first word, or at the first SUBSCRIBE. */
export type Silence = 'start' | 'subscribe';

/** Stands between an app and its Redis, and fails as networks do: without a word. */
export class TcpProxy {
  private readonly links = new Set<Link>();
  private silence: Silence | undefined;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async to(redis: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(redis);
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const own = (server.address() as AddressInfo).port;
    const proxy = new TcpProxy(server, `redis://127.0.0.1:${own}`);
    server.on('connection', (client) => proxy.link(client, connect(Number(port), hostname)));
    return proxy;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.links.size;
  }

  /** From now on the subscribed connections that there are hear nothing more. They stay open. */
  deafen(): void {
    for (const link of this.links) link.deaf = link.subscriber;
  }

  /** From now on what connections without subscriptions ask is done, and its answers get lost. They stay open. */
  loseAnswers(): void {
    for (const link of this.links) link.deaf = !link.subscriber;
  }

  /** From now on what connections without subscriptions ask is on its way for ever. */
  holdBack(): void {
    for (const link of this.links) if (!link.subscriber) link.held = [];
  }

  /** The next connection is taken, falls silent, and stays open. */
  silenceNext(from: Silence): void {
    this.silence = from;
  }

  /** How many connections have fallen silent. */
  get silent(): number {
    return [...this.links].filter(({ silent }) => silent).length;
  }

  /**
   * From now on what the subscribed connections ask is on its way, and they still hear. Returns what lets it arrive.
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

  /** Whether something with these words is held back. */
  holds(words: string): boolean {
    return [...this.links].some(({ held = [] }) => Buffer.concat(held).includes(words));
  }

  /** Cuts the connections that are subscribed, or those that are not. */
  cutThose(subscriber: boolean): void {
    for (const link of this.links) if (link.subscriber === subscriber) link.client.destroy();
  }

  /** Cuts all connections. Returns what lets arrive what was held back, and resolves when Redis has done it. */
  cut(): () => Promise<void> {
    const late = [...this.links].filter(({ held }) => held !== undefined);
    for (const { client, upstream, held } of this.links) {
      // Of the others nothing is left.
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
      if (bytes.includes('subscribe') || bytes.includes('SUBSCRIBE')) link.subscriber = true;
      const { silentFrom } = link;
      link.silent ||= silentFrom === 'start';
      link.silent ||= silentFrom === 'subscribe' && /\bsubscribe\r/i.test(bytes.toString('latin1'));
      if (link.silent) return;
      if (link.held === undefined) upstream.write(bytes);
      else link.held.push(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!link.deaf && !link.silent && !client.destroyed) client.write(bytes);
    });
    const end = (): void => {
      this.links.delete(link);
      client.destroy();
      if (link.held === undefined) upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('close', end).on('error', end);
  }
}
