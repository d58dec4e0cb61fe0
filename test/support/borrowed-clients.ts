import { isDeepStrictEqual } from 'node:util';
import type { RedisClient } from '../../src/index.js';
import { until } from './until.js';

/** The methods of an app's client that the tests call themselves. */
export interface AppClient extends RedisClient {
  eventNames(): (string | symbol)[];
  listenerCount(event: string | symbol): number;
  ping(): Promise<string>;
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}

type Listeners = Record<string, number>;

function listenersOf(client: AppClient): Listeners {
  return Object.fromEntries(
    client.eventNames().map((name) => [String(name), client.listenerCount(name)]),
  );
}

/** Two clients of an app that the library borrows while the app uses them itself. */
export class BorrowedClients {
  private readonly received: string[] = [];

  private constructor(
    readonly clients: { publisher: AppClient; subscriber: AppClient },
    private readonly channel: string,
    private readonly subscriberId: number,
    private listenersBefore: Listeners[] = [],
  ) {
    clients.subscriber.on('messageBuffer', (name: Buffer, message: Buffer) => {
      if (name.toString() === channel) this.received.push(message.toString());
    });
    this.listenersBefore = this.both.map(listenersOf);
  }

  /** @param channel a channel of the app, subscribed for the whole test */
  static async of(create: () => AppClient, channel: string): Promise<BorrowedClients> {
    const [publisher, subscriber] = [create(), create()];
    await publisher.ping();
    // ioredis 5 sends SUBSCRIBE before the connection is ready, and loses the connection if its own INFO comes
    // later.
    await until(
      () => subscriber.status === 'ready',
      () => 'the app’s subscriber to be ready',
    );
    // Read the client id before the first SUBSCRIBE: ioredis 5 refuses other commands after it.
    const id = Number(await subscriber.call('CLIENT', 'ID'));
    await subscriber.subscribe(channel);
    return new BorrowedClients({ publisher, subscriber }, channel, id);
  }

  private get both(): AppClient[] {
    return [this.clients.publisher, this.clients.subscriber];
  }

  /** The number of channels that the subscriber has in Redis, including the one of the app. */
  async subscriptionCount(): Promise<number> {
    const { publisher } = this.clients;
    const line = String(await publisher.call('CLIENT', 'LIST', 'ID', this.subscriberId));
    const [, sub] = / sub=(\d+)/.exec(line) ?? [];
    const [, ssub = '0'] = / ssub=(\d+)/.exec(line) ?? [];
    return Number(sub) + Number(ssub);
  }

  /** Whether both clients are open and have only the listeners and the channel of the app. */
  async isUnchanged(): Promise<boolean> {
    const { publisher } = this.clients;
    this.received.length = 0;
    const now = {
      statuses: this.both.map((client) => client.status),
      listeners: this.both.map(listenersOf),
      channels: await this.subscriptionCount(),
      receivers: await publisher.publish(this.channel, Buffer.from('still here')),
    };
    await until(
      () => this.received.length > 0,
      () => 'the message on the app’s own channel',
    );
    return isDeepStrictEqual(
      { ...now, received: this.received },
      {
        statuses: ['ready', 'ready'],
        listeners: this.listenersBefore,
        channels: 1,
        receivers: 1,
        received: ['still here'],
      },
    );
  }

  disconnect(): void {
    for (const client of this.both) client.disconnect();
  }

  async quit(): Promise<void> {
    await Promise.all(this.both.map((client) => client.quit()));
  }
}
