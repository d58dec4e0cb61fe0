import type { Observable } from 'rxjs';
import { PropagatorError, reasonOf } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { REPLICATION_MS, tryAccess, type Access } from './access.js';
import type { RedisClients } from './client-factory.js';
import { ClientEvents } from './client-events.js';
import { isClusterClient, masterOf } from './cluster-topology.js';
import { refusedDatabase } from './database.js';
import { Listeners } from './listeners.js';
import { checkRegularly, Liveness, type PingedClient } from './liveness.js';
import type { InterruptedChannels, PubSub, PubSubListener, PubSubState } from '../ports/pub-sub.js';
import { PublisherConnection } from './publisher-connection.js';
import { resetPublisher } from './reset-publisher.js';
import { bounded, quit } from './quit.js';
import { mistakeIn, isUnclear, noRedis, tlsMistake } from './start-problem.js';
import { rootOf } from './redis-error.js';
import { checkNotEnded, claimSubscriber } from './claimed-subscribers.js';
import { ServerVersion } from './server-version.js';
import { ShardedSubscriber } from './sharded-subscriber.js';
import { SingleSubscriber } from './single-subscriber.js';
import { StateMachine } from './state-machine.js';
import type { Subscriber, SubscriberHandlers } from './subscriber.js';
import { after, guarded, nextTick } from '../reporting/timers.js';

type Timeouts = Pick<
  ResolvedOptions,
  'connectTimeoutMs' | 'subscribeTimeoutMs' | 'publishTimeoutMs'
>;

/** Publishes without a reply end the connection anyway. */
const PUBLISHER_PINGS = 3;
/** A late publish alone proves nothing: no byte may arrive for this part of `publishTimeoutMs` as well. */
const CONFIRMATIONS = 4;

/**
 * {@link PubSub} over Redis, with two ioredis clients: sharded Pub/Sub on a Cluster, plain Pub/Sub elsewhere. It
 * reconnects and resubscribes by itself, and logs one line per change of state.
 */
export class RedisPubSub implements PubSub {
  private readonly machine = new StateMachine();
  private readonly listeners: Listeners;
  private readonly interruptions = new Set<SubscriberHandlers['interrupted']>();
  private readonly publisher: PublisherConnection;
  private readonly subscriber: Subscriber;
  private readonly events: ClientEvents;
  private publisherChecks: NodeJS.Timeout | undefined;
  private publisherOpen = false;
  private subscribed = false;
  private lastError: string | undefined;
  /** The mistake in the option `redis` that made the first connection fail. */
  private mistake: PropagatorError | undefined;
  private examining: Promise<void> | undefined;
  private giveBackSubscriber: (() => void) | undefined;
  private degradedSince = 0;
  private readonly version: ServerVersion;

  constructor(
    /** @internal */
    readonly clients: RedisClients,
    private readonly timeouts: Timeouts,
    private readonly reporter: Reporter,
  ) {
    const { publisher, owned } = clients;
    this.version = new ServerVersion(publisher);
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
    const error = (reason: unknown): void => this.failed(rootOf(reason));
    this.events = new ClientEvents(
      publisher,
      owned,
      {
        ready: () => this.update({ publisherOpen: true }),
        close: () => this.update({ publisherOpen: false }),
        error,
      },
      this.threw,
    );
    this.subscriber = this.createSubscriber({
      changed: (subscribed, refusal) => {
        this.refused(refusal);
        this.update({ subscribed });
      },
      message: (channel, message) => this.listeners.dispatch(channel, message),
      interrupted: (interrupted, since) => {
        for (const listener of this.interruptions) listener(interrupted, since);
      },
      error,
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
    return this.machine.state;
  }

  get state$(): Observable<PubSubState> {
    return this.machine.state$;
  }

  /** Whether each of the two connections works. @internal */
  get connections(): { readonly publisher: boolean; readonly subscriber: boolean } {
    return { publisher: this.publisherOpen && this.isOpen(), subscriber: this.subscribed };
  }

  /** The version of Redis, or of a compatible server; null while it is unknown. @internal */
  get serverVersion(): string | null {
    return this.version.get();
  }

  async connect(): Promise<void> {
    if (this.state === 'closed') return;
    checkNotEnded(this.clients);
    this.giveBackSubscriber ??= claimSubscriber(this.clients);
    this.events.attach();
    this.subscriber.start();
    const { publisher, subscriber } = this.clients;
    for (const client of [publisher, subscriber]) {
      // A failed first attempt is followed by others; the 'error' event gives the reason.
      if (client.status === 'wait') client.connect().catch(() => undefined);
    }
    if (publisher.status === 'ready') this.update({ publisherOpen: true });
    this.watchPublisher();
    await this.firstState();
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
    if (this.state !== 'ready' && this.mistake !== undefined) throw this.mistake;
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
      const reason = this.lastError ?? 'the Cluster is not connected';
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
    if (!this.machine.enter('closed')) return;
    clearInterval(this.publisherChecks);
    this.publisher.close();
    this.events.detach();
    const { publisher, owned } = this.clients;
    await Promise.all([this.subscriber.close(), owned && quit(publisher)]);
    this.giveBackSubscriber?.();
  }

  /** A borrowed connection is for its owner to reset; those of a Cluster carry the replies to SPUBLISH. */
  private watchPublisher(): void {
    const { publisher, owned, cluster } = this.clients;
    if (!owned || cluster) return;
    const liveness = new Liveness(publisher as RedisClient & PingedClient, PUBLISHER_PINGS);
    this.publisherChecks ??= checkRegularly(() => liveness.check(), this.threw);
  }

  private createSubscriber(handlers: SubscriberHandlers): Subscriber {
    const { publisher, subscriber, owned } = this.clients;
    const { subscribeTimeoutMs } = this.timeouts;
    return isClusterClient(subscriber) && isClusterClient(publisher)
      ? new ShardedSubscriber({ publisher, subscriber, owned }, subscribeTimeoutMs, handlers)
      : new SingleSubscriber(subscriber, owned, subscribeTimeoutMs, handlers);
  }

  private refused(refusal: PropagatorError | undefined): void {
    if (refusal === undefined) return;
    const { code, message } = refusal;
    // Degraded already for another reason, so no change of state reports this. The waiting callers report late
    // channels.
    if (this.state === 'degraded' && message !== this.lastError && code !== 'redis.timeout') {
      this.reporter.report('subscribe.refused', () => message);
    }
    this.lastError = message;
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

  private failed(failure: unknown): void {
    const refusal = refusedDatabase(failure);
    if (refusal !== undefined) this.reporter.once('redis.database', () => refusal.message);
    // OpenSSL ends its messages with a line break.
    this.lastError = reasonOf(refusal ?? failure).trim();
    if (this.state === 'connecting') {
      this.mistake = mistakeIn(failure);
      if (this.mistake === undefined && isUnclear(failure)) {
        this.examine(this.lastError, failure).catch(this.threw);
        return;
      }
    }
    this.update({});
  }

  /** The first connection fails without a reason. */
  private examine(reason: string, failure?: unknown): Promise<void> {
    this.examining ??= tlsMistake(this.clients.publisher).then((mistake) => {
      if (this.state !== 'connecting') return;
      this.mistake = mistake ?? noRedis(failure);
      this.degrade(this.mistake?.message ?? reason);
    });
    return this.examining;
  }

  private update(change: { publisherOpen?: boolean; subscribed?: boolean }): void {
    this.publisherOpen = change.publisherOpen ?? this.publisherOpen;
    this.subscribed = change.subscribed ?? this.subscribed;
    if (this.publisherOpen && this.subscribed) {
      const wasDegraded = this.state === 'degraded';
      this.lastError = undefined;
      this.mistake = undefined;
      if (!this.machine.enter('ready')) return;
      this.reporter.logger.log(
        wasDegraded
          ? `Redis is back after ${Date.now() - this.degradedSince} ms: events pass between instances again.`
          : 'Connected to Redis.',
      );
      return;
    }
    // During the first connection only a failure is logged, once its cause is known.
    if (this.state === 'connecting' && (this.lastError === undefined || this.examining)) return;
    this.degrade(this.lastError ?? 'connection closed');
  }

  private degrade(reason: string): void {
    if (!this.machine.enter('degraded')) return;
    this.degradedSince = Date.now();
    this.reporter.logger.warn(
      `Degraded, Redis does not serve this instance (${reason}). Local sockets get their events; ` +
        'events between instances do not pass until it does.' +
        // The start of the app fails with this mistake.
        (this.mistake === undefined ? ' Retrying.' : ''),
    );
  }

  /** Resolves at the first state other than `connecting`, or after the time limit of the start. */
  private firstState(): Promise<void> {
    return new Promise((resolve) => {
      const { connectTimeoutMs } = this.timeouts;
      const timer = after(connectTimeoutMs, this.threw, () =>
        this.examine(`no connection within ${connectTimeoutMs} ms`),
      );
      const settled = guarded(this.threw, (state: PubSubState) => {
        if (state === 'connecting') return;
        clearTimeout(timer);
        resolve();
        nextTick(this.threw, () => subscription.unsubscribe());
      });
      const subscription = this.state$.subscribe(settled);
    });
  }
}
