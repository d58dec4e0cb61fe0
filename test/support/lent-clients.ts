import { isDeepStrictEqual } from 'node:util';
import type { RedisClient } from '../../src/index.js';
import { until } from './until.js';

/** What the tests use of an app's client, beside what the library does. */
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

/** Two clients of an app that the library borrows, in use by the app itself. */
export class LentClients {
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

  /** @param channel the app's own, subscribed all the time */
  static async of(create: () => AppClient, channel: string): Promise<LentClients> {
    const [publisher, subscriber] = [create(), create()];
    await publisher.ping();
    // ioredis 5 sends SUBSCRIBE before it is ready, and loses the connection if its own INFO comes after that.
    await until(
      () => subscriber.status === 'ready',
      () => 'the app’s subscriber to be ready',
    );
    // Asked before it subscribes: ioredis 5 refuses other commands after that.
    const id = Number(await subscriber.call('CLIENT', 'ID'));
    await subscriber.subscribe(channel);
    return new LentClients({ publisher, subscriber }, channel, id);
  }

  private get both(): AppClient[] {
    return [this.clients.publisher, this.clients.subscriber];
  }

  /** How many channels the subscriber has at Redis; one of them is the app's own. */
  async subscriptionCount(): Promise<number> {
    const { publisher } = this.clients;
    const line = String(await publisher.call('CLIENT', 'LIST', 'ID', this.subscriberId));
    const [, sub] = / sub=(\d+)/.exec(line) ?? [];
    const [, ssub = '0'] = / ssub=(\d+)/.exec(line) ?? [];
    return Number(sub) + Number(ssub);
  }

  /** Whether they are as they were lent: open, with the app's listeners and the app's channel, and no others. */
  async isAsLent(): Promise<boolean> {
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
