import type { RedisClient } from '../options/redis-options.js';
import { guarded } from '../reporting/timers.js';
import { ClientEvents } from './client-events.js';
import { checkRegularly, Liveness, type PingedClient } from './liveness.js';
import { keepSubscriptions } from './kept-subscriptions.js';
import { bounded, quit } from './quit.js';
import { isGivenUp } from './stream-errors.js';
import type { Subscriber, SubscriberHandlers } from './subscriber.js';
import { SubscriberConnection } from './subscriber-connection.js';

const ALL = (): boolean => true;
/** A Redis that is frozen for longer than these checks makes all instances reconnect, and ask one another for events. */
const PINGS = 2;

/**
 * Plain Pub/Sub over one connection: a single Redis, or the master behind Sentinels.
 *
 * @internal
 */
export class SingleSubscriber implements Subscriber {
  private readonly connection: SubscriberConnection;
  private readonly events: ClientEvents;
  /** A borrowed connection is for its owner to reset. */
  private readonly liveness: Liveness | undefined;
  private checks: NodeJS.Timeout | undefined;
  private wasOpen = false;
  private restoreClient: (() => void) | undefined;

  constructor(
    private readonly client: RedisClient,
    private readonly owned: boolean,
    subscribeTimeoutMs: number,
    private readonly handlers: SubscriberHandlers,
  ) {
    this.connection = new SubscriberConnection(client, false, subscribeTimeoutMs, {
      settled: (refusal) => handlers.changed(refusal === undefined, refusal),
      missed: handlers.interrupted,
      threw: handlers.threw,
    });
    if (owned) this.liveness = new Liveness(client as RedisClient & PingedClient, PINGS);
    this.events = new ClientEvents(
      client,
      owned,
      {
        ready: () => {
          // Channels wanted before the first connection could not be received either.
          if (!this.wasOpen && this.connection.isNeeded) handlers.interrupted(ALL);
          this.opened();
        },
        close: () => {
          // A first connection that fails interrupts nothing.
          if (this.wasOpen) handlers.interrupted(ALL);
          this.wasOpen = false;
          this.connection.lost();
          handlers.changed(false);
        },
        error: (error: unknown) => handlers.error(error),
        // Only the Buffer event: the one with strings corrupts binary data.
        messageBuffer: (channel: Buffer, message: Buffer) => {
          const name = channel.toString();
          // An UNSUBSCRIBE takes a moment, and a borrowed client also has channels of the app.
          if (!this.connection.isWanted(name)) return;
          if (isGivenUp(client)) handlers.dropped(name);
          else handlers.message(name, message);
        },
      },
      handlers.threw,
    );
  }

  start(): void {
    this.events.attach();
    if (!this.owned) {
      this.restoreClient ??= keepSubscriptions(this.client, {
        isOurs: (channel) => this.connection.isWanted(channel),
        kept: this.handlers.shared,
        dropped: guarded(this.handlers.threw, () => this.subscribeAgain()),
      });
    }
    const { liveness } = this;
    if (liveness !== undefined)
      this.checks ??= checkRegularly(() => liveness.check(), this.handlers.threw);
    if (this.client.status === 'ready') this.opened();
  }

  isSubscribed(channel: string): boolean {
    return this.connection.isSubscribed(channel);
  }

  isCounted(channel: string): boolean {
    return this.connection.isCounted(channel);
  }

  subscribe(channel: string): Promise<void> {
    return this.connection.subscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.connection.unsubscribe(channel);
  }

  reconnect(): void {
    if (this.liveness === undefined) this.subscribeAgain();
    else this.liveness.reset();
  }

  probes(channel: string): string[] {
    return [channel];
  }

  async probe(channel: string, during?: () => Promise<void>): Promise<boolean> {
    return this.client.status === 'ready' && (await this.connection.probe(channel, during));
  }

  /** On the same connection: it is open, and Redis may have dropped the subscriptions. */
  private subscribeAgain(): void {
    if (this.client.status !== 'ready') return;
    this.handlers.interrupted(ALL);
    this.opened();
  }

  private opened(): void {
    this.wasOpen = true;
    this.handlers.opened(this.client);
    this.connection.opened();
  }

  async close(): Promise<void> {
    clearInterval(this.checks);
    const unsubscribed = this.connection.close();
    this.restoreClient?.();
    this.restoreClient = undefined;
    this.events.detach();
    if (this.owned) await quit(this.client);
    else await this.leave(unsubscribed);
  }

  /**
   * A borrowed client is kept, without our channels. It subscribes them again by itself when it reconnects, so this continues
   * until Redis has confirmed the UNSUBSCRIBE.
   */
  private async leave(unsubscribed: Promise<boolean>): Promise<void> {
    const ended = (done: boolean): void => {
      if (done) events.detach();
    };
    const again = (): Promise<void> => this.connection.close().then(ended);
    const { threw } = this.handlers;
    const events = new ClientEvents(this.client, false, { ready: guarded(threw, again) }, threw);
    events.attach();
    const left = unsubscribed.then(ended);
    if (this.client.status === 'ready') await bounded(left);
  }
}
