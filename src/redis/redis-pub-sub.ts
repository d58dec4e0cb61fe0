import type { Observable } from 'rxjs';
import { PropagatorError, reasonOf } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { REPLICATION_MS, tryAccess, type Access } from './access.js';
import type { RedisClients } from './client-factory.js';
import { ClientEvents } from './client-events.js';
import { masterOf } from './cluster-topology.js';
import { ConnectionState, type Connections } from './connection-state.js';
import { IoredisCheck } from './ioredis-check.js';
import { isClusterClient } from './ioredis-internals.js';
import { Listeners } from './listeners.js';
import { checkRegularly, Liveness, type PingedClient } from './liveness.js';
import type { InterruptedChannels, PubSub, PubSubListener, PubSubState } from '../ports/pub-sub.js';
import { PublisherConnection } from './publisher-connection.js';
import { resetPublisher } from './reset-publisher.js';
import { bounded, quit } from './quit.js';
import { checkNotEnded, claimSubscribers } from './claimed-subscribers.js';
import { ServerName } from './server-name.js';
import { ServerVersion } from './server-version.js';
import type { SubscriberHandlers } from './subscriber.js';
import { hasControl, Subscribers } from './subscribers.js';
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
 * {@link PubSub} over Redis: sharded Pub/Sub on a Cluster, plain Pub/Sub elsewhere. One connection publishes, one receives
 * events, and one receives requests and replies. It reconnects and resubscribes by itself, and logs one line per change of
 * state.
 */
export class RedisPubSub implements PubSub {
  private readonly listeners: Listeners;
  private readonly interruptions = new Set<SubscriberHandlers['interrupted']>();
  private readonly publisher: PublisherConnection;
  private readonly subscribers: Subscribers;
  /** Undefined without a connection for it. */
  readonly subscribeControl: PubSub['subscribeControl'];
  private readonly events: ClientEvents;
  private publisherChecks: NodeJS.Timeout | undefined;
  /** Counts the publishing connections, those to the nodes of a Cluster together. */
  private connectionCount = 0;
  private connectionName = '#0';
  private releaseSubscribers: (() => void) | undefined;
  private readonly version: ServerVersion;
  private readonly server: ServerName;
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
    this.server = new ServerName(publisher);
    this.internals = new IoredisCheck(reporter);
    this.connection = new ConnectionState({
      publisher,
      hasControl: hasControl(clients),
      connectTimeoutMs,
      reporter,
      threw,
    });
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
        close: () => {
          this.nextConnection();
          this.server.closed();
          this.connection.publisherChanged(false);
        },
        // The connection to one node of a Cluster.
        '-node': () => this.nextConnection(),
        error,
      },
      this.threw,
    );
    this.subscribers = new Subscribers(clients, timeouts.subscribeTimeoutMs, (role) => ({
      changed: (subscribed, refusal) =>
        this.connection.subscriberChanged(role, subscribed, refusal),
      message: this.listeners.dispatch,
      dropped: (channel) =>
        this.reporter.report(
          'connection.given-up',
          () =>
            `a message of channel ${channel} was dropped: its connection is being closed, and earlier messages may be missing`,
        ),
      interrupted: (interrupted, since) => {
        // A reply that was missed is missing in the result, and a request is sent again.
        if (role === 'control') return;
        for (const listener of this.interruptions) listener(interrupted, since);
      },
      error,
      opened: (client) => this.internals.connection(client),
      threw: this.threw,
      shared: (command) =>
        this.reporter.report(
          'subscriber.shared',
          () =>
            `the app sent ${command} on the client in redis.${role}; channels of this library stay subscribed. ` +
            'Use a client of its own for what the app subscribes to.',
        ),
    }));
    if (!hasControl(clients)) return;
    this.subscribeControl = (channel) =>
      this.state === 'closed'
        ? Promise.reject(PropagatorError.of('redis.closed', []))
        : this.subscribers.subscribeControl(channel);
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

  /** A connection to one server. */
  laneOf(channel: string): string {
    const { publisher } = this.clients;
    // Without a Cluster the same text for each publish: it is not made for each.
    return isClusterClient(publisher)
      ? `${masterOf(publisher, channel)}${this.connectionName}`
      : this.connectionName;
  }

  /** A Redis process: after a restart, or a failover, it is another one. On a Cluster, the address of the master. */
  serverOf(channel: string): string | undefined {
    const { publisher } = this.clients;
    return isClusterClient(publisher) ? masterOf(publisher, channel) : this.server.name;
  }

  channelsOfServers(channel: string): readonly string[] {
    return this.subscribers.probes(channel);
  }

  /** Whether each connection works. @internal */
  get connections(): Connections {
    return this.connection.connections;
  }

  /** The version of Redis, or of a compatible server; null while it is unknown. @internal */
  get serverVersion(): string | null {
    return this.version.get();
  }

  async connect(): Promise<void> {
    if (this.state === 'closed') return;
    const { publisher, subscriber, control } = this.clients;
    const clients = [publisher, subscriber, ...(control === undefined ? [] : [control])];
    checkNotEnded(this.clients);
    for (const client of clients) this.internals.client(client);
    this.releaseSubscribers ??= claimSubscribers(this.clients);
    this.events.attach();
    this.subscribers.start();
    for (const client of clients) {
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
    const attempts = [...this.subscribers.clientsToVerify()].map(([subscriber, client], index) =>
      tryAccess(index === 0 ? access : { ...access, channel: `${access.channel}:control` }, {
        publisher,
        cluster,
        subscriber,
        hears: (name, ms) => this.hears(client, name, ms),
      }),
    );
    await bounded(Promise.all(attempts), this.timeouts.connectTimeoutMs + REPLICATION_MS);
  }

  isOpen(): boolean {
    return this.clients.publisher.status === 'ready';
  }

  publish(channel: string, message: Buffer): Promise<number> {
    if (this.state === 'closed') return Promise.reject(PropagatorError.of('redis.closed', []));
    const { cluster, owned } = this.clients;
    if (owned && !this.isOpen()) {
      // ioredis queues it for a Cluster, and writes it to a connection that is not ready yet: its database may be refused.
      const missing = cluster ? 'the Cluster is not connected' : 'the connection is not ready';
      const reason = this.connection.reason ?? missing;
      return Promise.reject(PropagatorError.of('redis.unavailable', [reason]));
    }
    return this.publisher.publish(channel, message);
  }

  subscribe(channel: string): Promise<void> {
    if (this.state === 'closed') return Promise.reject(PropagatorError.of('redis.closed', []));
    return this.subscribers.subscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.subscribers.unsubscribe(channel);
  }

  isSubscribed(channel: string): boolean {
    return this.subscribers.isSubscribed(channel);
  }

  countsItself(channel: string): boolean {
    return this.subscribers.isCounted(channel);
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
    this.subscribers.reconnect();
    if (this.clients.owned) this.clients.publisher.disconnect(true);
  }

  async close(): Promise<void> {
    if (!this.connection.close()) return;
    clearInterval(this.publisherChecks);
    this.publisher.close();
    this.events.detach();
    const { publisher, owned } = this.clients;
    await Promise.all([this.subscribers.close(), owned && quit(publisher)]);
    this.releaseSubscribers?.();
  }

  private nextConnection(): void {
    this.connectionName = `#${++this.connectionCount}`;
  }

  private publisherOpened(): void {
    this.server.opened();
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

  /** Resolves to whether a message arrives on a channel within this time; a Cluster has no replicas here. */
  private hears(client: RedisClient, channel: string, ms: number): Promise<boolean> {
    const { owned, cluster } = this.clients;
    if (cluster) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (heard: boolean): void => {
        clearTimeout(timer);
        events.detach();
        resolve(heard);
      };
      const timer = after(ms, this.threw, () => end(false));
      const events = new ClientEvents(
        client,
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
