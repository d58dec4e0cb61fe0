import type { Observable } from 'rxjs';
import { PropagatorError, reasonOf } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { REPLICATION_MS, tryAccess, type Access } from './access.js';
import type { RedisClients } from './client-factory.js';
import { ClientEvents } from './client-events.js';
import { masterOf } from './cluster-topology.js';
import { ConnectionState } from './connection-state.js';
import { IoredisCheck } from './ioredis-check.js';
import { isClusterClient } from './ioredis-internals.js';
import { Listeners } from './listeners.js';
import { checkRegularly, Liveness, type PingedClient } from './liveness.js';
import type { InterruptedChannels, PubSub, PubSubListener, PubSubState } from '../ports/pub-sub.js';
import { PublisherConnection } from './publisher-connection.js';
import { resetPublisher } from './reset-publisher.js';
import { bounded, quit } from './quit.js';
import { checkNotEnded, claimSubscriber } from './claimed-subscribers.js';
import { ServerVersion } from './server-version.js';
import { ShardedSubscriber } from './sharded-subscriber.js';
import { SingleSubscriber } from './single-subscriber.js';
import type { Subscriber, SubscriberHandlers } from './subscriber.js';
import { after } from '../reporting/timers.js';

type Timeouts = Pick<
  ResolvedOptions,
  'connectTimeoutMs' | 'subscribeTimeoutMs' | 'publishTimeoutMs'
>;

/** More than for a subscriber, because a publish without a reply already replaces the connection. */
const PUBLISHER_PINGS = 3;
/** A late publish alone proves nothing: no byte may arrive for this part of `publishTimeoutMs` as well. */
const CONFIRMATIONS = 4;

/**
 * {@link PubSub} over Redis, with two ioredis clients: sharded Pub/Sub on a Cluster, plain Pub/Sub elsewhere. It
 * reconnects and resubscribes by itself, and logs one line per change of state.
 */
export class RedisPubSub implements PubSub {
  private readonly listeners: Listeners;
  private readonly interruptions = new Set<SubscriberHandlers['interrupted']>();
  private readonly publisher: PublisherConnection;
  private readonly subscriber: Subscriber;
  private readonly events: ClientEvents;
  private publisherChecks: NodeJS.Timeout | undefined;
  private releaseSubscriber: (() => void) | undefined;
  private readonly version: ServerVersion;
  private readonly connection: ConnectionState;
  private readonly internals: IoredisCheck;

  constructor(
    /** @internal */
    readonly clients: RedisClients,
    private readonly timeouts: Timeouts,
    private readonly reporter: Reporter,
  ) {
    const { publisher, owned } = clients;
    const { threw } = this;
    const { connectTimeoutMs } = timeouts;
    this.version = new ServerVersion(publisher);
    this.internals = new IoredisCheck(reporter);
    this.connection = new ConnectionState({ publisher, connectTimeoutMs, reporter, threw });
    this.listeners = new Listeners(reporter);
    this.publisher = new PublisherConnection(
      publisher,
      isClusterClient(publisher) ? (channel) => masterOf(publisher, channel) : undefined,
      timeouts.publishTimeoutMs,
      // A half-open connection never closes by itself. A borrowed one is for its owner to reset.
      (channel) =>
        owned &&
        resetPublisher(publisher, channel, timeouts.publishTimeoutMs / CONFIRMATIONS, this.threw),
      this.threw,
    );
    const error = (failure: unknown): void => this.connection.failed(failure);
    this.events = new ClientEvents(
      publisher,
      owned,
      {
        ready: () => this.publisherOpened(),
        close: () => this.connection.publisherChanged(false),
        error,
      },
      this.threw,
    );
    this.subscriber = this.createSubscriber({
      changed: (subscribed, refusal) => this.connection.subscriberChanged(subscribed, refusal),
      message: this.listeners.dispatch,
      dropped: (channel) =>
        this.reporter.report(
          'connection.given-up',
          () =>
            `a message of channel ${channel} was dropped: its connection is being closed, and earlier messages may be missing`,
        ),
      interrupted: (interrupted, since) => {
        for (const listener of this.interruptions) listener(interrupted, since);
      },
      error,
      opened: (client) => this.internals.connection(client),
      threw: this.threw,
      shared: (command) =>
        this.reporter.report(
          'subscriber.shared',
          () =>
            `the app sent ${command} on the client in redis.subscriber; channels of this library stay subscribed. ` +
            'Use a client of its own for what the app subscribes to.',
        ),
    });
  }

  get state(): PubSubState {
    return this.connection.current;
  }

  get state$(): Observable<PubSubState> {
    return this.connection.current$;
  }

  /** On a Cluster each master has a connection of its own. */
  get ordersChannels(): boolean {
    return !this.clients.cluster;
  }

  /** Whether each of the two connections works. @internal */
  get connections(): { readonly publisher: boolean; readonly subscriber: boolean } {
    return this.connection.connections;
  }

  /** The version of Redis, or of a compatible server; null while it is unknown. @internal */
  get serverVersion(): string | null {
    return this.version.get();
  }

  async connect(): Promise<void> {
    if (this.state === 'closed') return;
    const { publisher, subscriber } = this.clients;
    checkNotEnded(this.clients);
    for (const client of [publisher, subscriber]) this.internals.client(client);
    this.releaseSubscriber ??= claimSubscriber(this.clients);
    this.events.attach();
    this.subscriber.start();
    for (const client of [publisher, subscriber]) {
      // A failed first attempt is followed by others; the 'error' event gives the reason.
      if (client.status === 'wait') client.connect().catch(() => undefined);
    }
    if (publisher.status === 'ready') this.publisherOpened();
    this.watchPublisher();
    await this.connection.first();
  }

  /**
   * Checks that Redis permits everything that this instance needs, as far as Redis can be reached. For the start of
   * an app.
   *
   * @throws PropagatorError `redis.permission`, `redis.tls`, `redis.database`, `redis.wrong-server`,
   * `redis.not-heard`, `redis.command-failed`
   * @internal
   */
  async verifyAccess(access: Access): Promise<void> {
    const { mistake } = this.connection;
    if (mistake !== undefined) throw mistake;
    const { publisher, cluster } = this.clients;
    const hears = (channel: string, ms: number) => this.hears(channel, ms);
    const attempts = tryAccess(access, {
      publisher,
      cluster,
      subscriber: this.subscriber,
      hears,
    });
    await bounded(attempts, this.timeouts.connectTimeoutMs + REPLICATION_MS);
  }

  isOpen(): boolean {
    return this.clients.publisher.status === 'ready';
  }

  publish(channel: string, message: Buffer): Promise<number> {
    if (this.state === 'closed') return Promise.reject(PropagatorError.of('redis.closed', []));
    const { cluster, owned } = this.clients;
    if (cluster && owned && !this.isOpen()) {
      // ioredis would queue it until the Cluster is back.
      const reason = this.connection.reason ?? 'the Cluster is not connected';
      return Promise.reject(PropagatorError.of('redis.unavailable', [reason]));
    }
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

  countsItself(channel: string): boolean {
    return this.subscriber.isCounted(channel);
  }

  onMessage(listener: PubSubListener): () => void {
    return this.listeners.add(listener);
  }

  onInterruption(listener: (interrupted: InterruptedChannels, since?: number) => void): () => void {
    this.interruptions.add(listener);
    return () => this.interruptions.delete(listener);
  }

  /** A borrowed connection is for its owner to reset. */
  reconnect(): void {
    this.subscriber.reconnect();
    if (this.clients.owned) this.clients.publisher.disconnect(true);
  }

  async close(): Promise<void> {
    if (!this.connection.close()) return;
    clearInterval(this.publisherChecks);
    this.publisher.close();
    this.events.detach();
    const { publisher, owned } = this.clients;
    await Promise.all([this.subscriber.close(), owned && quit(publisher)]);
    this.releaseSubscriber?.();
  }

  private publisherOpened(): void {
    this.internals.connection(this.clients.publisher);
    this.connection.publisherChanged(true);
  }

  /** A borrowed connection is for its owner to reset; those of a Cluster carry the replies to SPUBLISH. */
  private watchPublisher(): void {
    const { publisher, owned, cluster } = this.clients;
    if (cluster) return;
    const liveness = owned
      ? new Liveness(publisher as RedisClient & PingedClient, PUBLISHER_PINGS)
      : undefined;
    this.publisherChecks ??= checkRegularly(() => {
      liveness?.check();
      this.connection.check();
    }, this.threw);
  }

  private createSubscriber(handlers: SubscriberHandlers): Subscriber {
    const { publisher, subscriber, owned } = this.clients;
    const { subscribeTimeoutMs } = this.timeouts;
    return isClusterClient(subscriber) && isClusterClient(publisher)
      ? new ShardedSubscriber({ publisher, subscriber, owned }, subscribeTimeoutMs, handlers)
      : new SingleSubscriber(subscriber, owned, subscribeTimeoutMs, handlers);
  }

  /** Resolves to whether a message arrives on a channel within this time; a Cluster has no replicas here. */
  private hears(channel: string, ms: number): Promise<boolean> {
    const { subscriber, owned, cluster } = this.clients;
    if (cluster) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (heard: boolean): void => {
        clearTimeout(timer);
        events.detach();
        resolve(heard);
      };
      const timer = after(ms, this.threw, () => end(false));
      const events = new ClientEvents(
        subscriber,
        owned,
        {
          messageBuffer: (name: Buffer) => name.toString() === channel && end(true),
        },
        this.threw,
      );
      events.attach();
    });
  }

  /** A client threw in a timer. */
  private readonly threw = (error: unknown): void => {
    this.reporter.report('transport.failed', () => `a client of Redis: ${reasonOf(error)}`);
  };
}
