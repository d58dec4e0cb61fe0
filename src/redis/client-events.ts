import type { RedisClients } from './client-factory.js';

export interface ClientHandlers {
  publisherReady(): void;
  publisherClosed(): void;
  subscriberReady(): void;
  subscriberClosed(): void;
  error(error: unknown): void;
  message(channel: string, message: Buffer): void;
}

type Binding = [
  client: RedisClients['publisher'],
  event: string,
  listener: Parameters<RedisClients['publisher']['on']>[1],
];

/**
 * The ioredis events that we listen to, on clients that others may listen to as well. Only the Buffer events carry
 * messages: the string ones mangle binary.
 *
 * @internal
 */
export class ClientEvents {
  private readonly bindings: readonly Binding[];
  private readonly owned: boolean;
  private attached = false;

  constructor({ publisher, subscriber, cluster, owned }: RedisClients, handlers: ClientHandlers) {
    this.owned = owned;
    const message = (channel: Buffer, bytes: Buffer): void =>
      handlers.message(channel.toString(), bytes);
    const error = (reason: unknown): void => handlers.error(reason);
    this.bindings = [
      [publisher, 'ready', () => handlers.publisherReady()],
      [publisher, 'close', () => handlers.publisherClosed()],
      [publisher, 'error', error],
      [subscriber, 'ready', () => handlers.subscriberReady()],
      [subscriber, 'close', () => handlers.subscriberClosed()],
      [subscriber, 'error', error],
      [subscriber, cluster ? 'smessageBuffer' : 'messageBuffer', message],
    ];
  }

  attach(): void {
    if (this.attached) return;
    this.attached = true;
    for (const [client, event, listener] of this.bindings) client.on(event, listener);
  }

  /** The 'error' listener of clients that we own is needed until they are gone; the app's are left as they were. */
  detach(): void {
    for (const [client, event, listener] of this.bindings) {
      if (event !== 'error' || !this.owned) client.off(event, listener);
    }
    this.attached = false;
  }
}
