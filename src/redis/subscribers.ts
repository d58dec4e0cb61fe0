import type { RedisClient } from '../options/redis-options.js';
import type { RedisClients } from './client-factory.js';
import { isClusterClient } from './ioredis-internals.js';
import { ShardedSubscriber } from './sharded-subscriber.js';
import { SingleSubscriber } from './single-subscriber.js';
import type { Subscriber, SubscriberHandlers, SubscriberRole } from './subscriber.js';

/** Whether replies and requests to this instance have a connection of their own. @internal */
export function hasControl({ cluster, control }: RedisClients): boolean {
  return cluster || control !== undefined;
}

/**
 * The subscribed connections: one for events, and one for replies and requests to this instance, which arrive while the first
 * is overloaded or lost.
 *
 * @internal
 */
export class Subscribers {
  private readonly events: Subscriber;
  /** Undefined if the app's subscriber has to do both. */
  private readonly control: Subscriber | undefined;
  private readonly controlChannels = new Set<string>();

  constructor(
    private readonly clients: RedisClients,
    private readonly subscribeTimeoutMs: number,
    handlersOf: (role: SubscriberRole) => SubscriberHandlers,
  ) {
    this.events = this.create('subscriber', handlersOf('subscriber'));
    if (hasControl(clients)) this.control = this.create('control', handlersOf('control'));
  }

  start(): void {
    this.events.start();
    this.control?.start();
  }

  subscribe(channel: string): Promise<void> {
    return this.of(channel).subscribe(channel);
  }

  subscribeControl(channel: string): Promise<void> {
    this.events.unsubscribe(channel);
    this.controlChannels.add(channel);
    return this.of(channel).subscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.of(channel).unsubscribe(channel);
    this.controlChannels.delete(channel);
  }

  isSubscribed(channel: string): boolean {
    return this.of(channel).isSubscribed(channel);
  }

  isCounted(channel: string): boolean {
    return this.of(channel).isCounted(channel);
  }

  /** Channels like this one, on each server with events. */
  probes(channel: string): readonly string[] {
    return this.events.probes(channel);
  }

  reconnect(): void {
    this.events.reconnect();
    // One of ours is checked by PING.
    if (!this.clients.ownsControl) this.control?.reconnect();
  }

  /** Each subscriber with its client. On a Cluster both go to the same masters, as the same user. */
  *clientsToVerify(): Generator<readonly [Subscriber, RedisClient]> {
    const { subscriber, control } = this.clients;
    yield [this.events, subscriber];
    if (this.control !== undefined && control !== undefined) yield [this.control, control];
  }

  async close(): Promise<void> {
    await Promise.all([this.events.close(), this.control?.close()]);
  }

  private of(channel: string): Subscriber {
    return this.controlChannels.has(channel) ? (this.control ?? this.events) : this.events;
  }

  private create(role: SubscriberRole, handlers: SubscriberHandlers): Subscriber {
    const { publisher, subscriber, control, ownsControl } = this.clients;
    const isControl = role === 'control';
    if (isClusterClient(subscriber) && isClusterClient(publisher)) {
      // Both have one client, and one of them closes it.
      const owned = this.clients.owned && !isControl;
      const clients = { publisher, subscriber, owned };
      return new ShardedSubscriber(clients, this.subscribeTimeoutMs, handlers, role);
    }
    return isControl && control !== undefined
      ? new SingleSubscriber(control, ownsControl, this.subscribeTimeoutMs, handlers)
      : new SingleSubscriber(subscriber, this.clients.owned, this.subscribeTimeoutMs, handlers);
  }
}
