import type { Observable } from 'rxjs';
import { PropagatorError, reasonOf } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import type { RedisClients } from './client-factory.js';
import { ClientEvents } from './client-events.js';
import { Listeners } from './listeners.js';
import type { PubSub, PubSubListener, PubSubState } from '../ports/pub-sub.js';
import { PublisherConnection } from './publisher-connection.js';
import { StateMachine } from './state-machine.js';
import { SubscriberConnection } from './subscriber-connection.js';

const CLOSE_TIMEOUT_MS = 1_000;

type Timeouts = Pick<
  ResolvedOptions,
  'connectTimeoutMs' | 'subscribeTimeoutMs' | 'publishTimeoutMs'
>;

/**
 * {@link PubSub} over Redis, with two ioredis connections: sharded Pub/Sub on a Cluster, plain Pub/Sub elsewhere.
 * It reconnects and resubscribes by itself, and logs one line per change of state.
 */
export class RedisPubSub implements PubSub {
  private readonly machine = new StateMachine();
  private readonly listeners: Listeners;
  private readonly publisher: PublisherConnection;
  private readonly subscriber: SubscriberConnection;
  private readonly events: ClientEvents;
  private publisherOpen = false;
  private subscribed = false;
  private lastError: string | undefined;
  private degradedSince = 0;

  constructor(
    /** @internal */
    readonly clients: RedisClients,
    private readonly timeouts: Timeouts,
    private readonly reporter: Reporter,
  ) {
    const { cluster, owned } = clients;
    this.listeners = new Listeners(reporter);
    this.publisher = new PublisherConnection(
      clients.publisher,
      cluster,
      timeouts.publishTimeoutMs,
      // A half-open connection never closes by itself. One that we do not own is its owner's to reset.
      () => owned && clients.publisher.disconnect(true),
    );
    this.subscriber = new SubscriberConnection(
      clients.subscriber,
      cluster,
      timeouts.subscribeTimeoutMs,
      (refusal) => {
        this.lastError = refusal?.message ?? this.lastError;
        this.update({ subscribed: refusal === undefined });
      },
    );
    this.events = new ClientEvents(clients, {
      publisherReady: () => this.update({ publisherOpen: true }),
      publisherClosed: () => this.update({ publisherOpen: false }),
      subscriberReady: () => this.subscriber.opened(),
      subscriberClosed: () => {
        this.subscriber.lost();
        this.update({ subscribed: false });
      },
      error: (error) => {
        this.lastError = reasonOf(error);
        this.update({});
      },
      message: (channel, message) => {
        // An UNSUBSCRIBE takes a moment, and a borrowed client has channels of the app as well.
        if (this.subscriber.isWanted(channel)) this.listeners.dispatch(channel, message);
      },
    });
  }

  get state(): PubSubState {
    return this.machine.state;
  }

  get state$(): Observable<PubSubState> {
    return this.machine.state$;
  }

  async connect(): Promise<void> {
    if (this.state === 'closed') return;
    this.events.attach();
    const { publisher, subscriber } = this.clients;
    for (const client of [publisher, subscriber]) {
      // A failed first attempt is followed by others; the 'error' event says why.
      if (client.status === 'wait') client.connect().catch(() => undefined);
    }
    if (publisher.status === 'ready') this.update({ publisherOpen: true });
    if (subscriber.status === 'ready') this.subscriber.opened();
    await this.firstState();
  }

  publish(channel: string, message: Buffer): Promise<number> {
    if (this.state === 'closed') return Promise.reject(PropagatorError.of('redis.closed', []));
    return this.publisher.publish(channel, message);
  }

  subscribe(channel: string): Promise<void> {
    if (this.state === 'closed') return Promise.reject(PropagatorError.of('redis.closed', []));
    return this.subscriber.subscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.subscriber.unsubscribe(channel);
  }

  isSubscribed(channel: string): boolean {
    return this.subscriber.isSubscribed(channel);
  }

  onMessage(listener: PubSubListener): () => void {
    return this.listeners.add(listener);
  }

  /** A connection that we do not own is its owner's to reset. */
  reconnect(): void {
    if (!this.clients.owned) return;
    this.clients.subscriber.disconnect(true);
    this.clients.publisher.disconnect(true);
  }

  async close(): Promise<void> {
    if (!this.machine.enter('closed')) return;
    this.publisher.close();
    const unsubscribed = this.subscriber.close();
    this.events.detach();
    const { publisher, subscriber, owned } = this.clients;
    if (owned) await Promise.all([quit(publisher), quit(subscriber)]);
    // A borrowed client lives on, without our channels. While it is away ioredis keeps the command for it.
    else if (subscriber.status === 'ready') await bounded(unsubscribed);
  }

  private update(change: { publisherOpen?: boolean; subscribed?: boolean }): void {
    this.publisherOpen = change.publisherOpen ?? this.publisherOpen;
    this.subscribed = change.subscribed ?? this.subscribed;
    if (this.publisherOpen && this.subscribed) {
      const wasDegraded = this.state === 'degraded';
      this.lastError = undefined;
      if (!this.machine.enter('ready')) return;
      this.reporter.logger.log(
        wasDegraded
          ? `Redis is back after ${Date.now() - this.degradedSince} ms: events pass between instances again.`
          : 'Connected to Redis.',
      );
      return;
    }
    // While the first connection is being made, only a failure is news.
    if (this.state === 'connecting' && this.lastError === undefined) return;
    this.degrade(this.lastError ?? 'connection closed');
  }

  private degrade(reason: string): void {
    if (!this.machine.enter('degraded')) return;
    this.degradedSince = Date.now();
    this.reporter.logger.warn(
      `Degraded, Redis does not serve this instance (${reason}). Local sockets get their events; ` +
        'events between instances do not pass until it does. Retrying.',
    );
  }

  /** Until the first state other than `connecting`, or the bound on start-up. */
  private firstState(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.degrade(`no connection within ${this.timeouts.connectTimeoutMs} ms`);
      }, this.timeouts.connectTimeoutMs);
      const subscription = this.state$.subscribe((state) => {
        if (state === 'connecting') return;
        clearTimeout(timer);
        resolve();
        queueMicrotask(() => subscription.unsubscribe());
      });
    });
  }
}

/** QUIT where Redis answers, a plain disconnect where it does not. */
async function quit(client: RedisClients['publisher']): Promise<void> {
  if (client.status === 'ready') await bounded(client.quit().catch(() => undefined));
  client.disconnect();
}

/** A Redis that does not answer must not keep an app from ending. */
async function bounded(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  });
  await Promise.race([work, bound]);
  clearTimeout(timer);
}
