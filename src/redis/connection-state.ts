import type { Observable } from 'rxjs';
import { reasonOf, type PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import type { PubSubState } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { after, guarded, nextTick } from '../reporting/timers.js';
import { refusedDatabase } from './database.js';
import { rootOf } from './redis-error.js';
import { isUnclear, loadingReason, mistakeIn, noRedis, tlsMistake } from './start-problem.js';
import { StateMachine } from './state-machine.js';
import type { SubscriberRole } from './subscriber.js';

/** Whether each connection works. @internal */
export type Connections = Readonly<Record<'publisher' | SubscriberRole, boolean>>;

/** @internal */
export interface ConnectionStateDeps {
  readonly publisher: RedisClient;
  /** Whether requests and replies have a connection of their own. */
  readonly hasControl: boolean;
  /** How long the first connection may take before the app starts without Redis. */
  readonly connectTimeoutMs: number;
  readonly reporter: Reporter;
  /** Called with errors in a timer. */
  readonly threw: (error: unknown) => void;
}

/**
 * The state of the transport: `ready` once all connections work. Logs one line per change, with the reason of a
 * failure.
 *
 * @internal
 */
export class ConnectionState {
  private readonly machine = new StateMachine();
  readonly current$: Observable<PubSubState> = this.machine.state$;
  private publisherOpen = false;
  private readonly subscribed = { subscriber: false, control: false };
  private lastError: string | undefined;
  private startMistake: PropagatorError | undefined;
  private examining: Promise<void> | undefined;
  private degradedSince = 0;
  /** Whether Redis is being asked, or has said, that it loads its data. */
  private loading = false;

  constructor(private readonly deps: ConnectionStateDeps) {}

  get current(): PubSubState {
    return this.machine.state;
  }

  /** Whether each connection works. */
  get connections(): Connections {
    const { publisher, hasControl } = this.deps;
    const { subscriber, control } = this.subscribed;
    return {
      publisher: this.publisherOpen && publisher.status === 'ready',
      subscriber,
      control: hasControl ? control : subscriber,
    };
  }

  /** Why a connection does not work. */
  get reason(): string | undefined {
    return this.lastError;
  }

  /** The mistake in the option `redis` that made the first connection fail. */
  get mistake(): PropagatorError | undefined {
    return this.current === 'ready' ? undefined : this.startMistake;
  }

  publisherChanged(open: boolean): void {
    this.publisherOpen = open;
    this.update();
  }

  subscriberChanged(role: SubscriberRole, subscribed: boolean, refusal?: PropagatorError): void {
    if (refusal !== undefined) this.refused(refusal);
    this.subscribed[role] = subscribed;
    this.update();
  }

  /** A connection failed. */
  failed(thrown: unknown): void {
    const failure = rootOf(thrown);
    const refusal = refusedDatabase(failure);
    if (refusal !== undefined) this.deps.reporter.once('redis.database', () => refusal.message);
    // OpenSSL ends its messages with a line break.
    this.lastError = reasonOf(refusal ?? failure).trim();
    if (this.current === 'connecting') {
      this.startMistake = mistakeIn(failure);
      if (this.startMistake === undefined && isUnclear(failure)) {
        this.examine(this.lastError, failure).catch(this.deps.threw);
        return;
      }
    }
    this.update();
  }

  /** Called at intervals, to find the reason of a connection that is open and does not become ready. */
  check(): void {
    if (this.publisherOpen || this.loading || this.current === 'closed') return;
    this.loading = true;
    loadingReason(this.deps.publisher).then(
      (reason) => this.isLoading(reason),
      () => this.isLoading(undefined),
    );
  }

  /** Resolves at the first state other than `connecting`, or after the time limit of the start. */
  first(): Promise<void> {
    return new Promise((resolve) => {
      const { connectTimeoutMs, threw } = this.deps;
      const timer = after(connectTimeoutMs, threw, () =>
        this.examine(`no connection within ${connectTimeoutMs} ms`),
      );
      const settled = guarded(threw, (state: PubSubState) => {
        if (state === 'connecting') return;
        clearTimeout(timer);
        resolve();
        nextTick(threw, () => subscription.unsubscribe());
      });
      const subscription = this.current$.subscribe(settled);
    });
  }

  /** Returns false if it was closed already. */
  close(): boolean {
    return this.machine.enter('closed');
  }

  private refused({ code, message }: PropagatorError): void {
    // Degraded already for another reason, so no change of state reports this. The waiting callers report overdue
    // channels.
    if (this.current === 'degraded' && message !== this.lastError && code !== 'redis.timeout') {
      this.deps.reporter.report('subscribe.refused', () => message);
    }
    this.lastError = message;
  }

  /** Finds out why the first connection fails without a clear reason. */
  private examine(reason: string, failure?: unknown): Promise<void> {
    const degrade = (mistake?: PropagatorError): void => {
      if (this.current !== 'connecting') return;
      this.startMistake = mistake ?? noRedis(failure);
      this.degrade(this.startMistake?.message ?? reason);
    };
    this.examining ??= tlsMistake(this.deps.publisher).then(degrade, (error: unknown) => {
      this.deps.threw(error);
      degrade();
    });
    return this.examining;
  }

  private isLoading(reason: string | undefined): void {
    this.loading = reason !== undefined;
    if (reason === undefined || this.publisherOpen) return;
    this.lastError = reason;
    if (this.current === 'degraded') {
      this.deps.reporter.logger.warn(`${reason}. It serves this instance afterwards.`);
    }
    this.update();
  }

  private update(): void {
    const { subscriber, control } = this.subscribed;
    if (this.publisherOpen && subscriber && (control || !this.deps.hasControl)) {
      this.recover();
      return;
    }
    // During the first connection only a failure is logged, once its cause is known.
    if (this.current === 'connecting' && (this.lastError === undefined || this.examining)) return;
    this.degrade(this.lastError ?? 'connection closed');
  }

  private recover(): void {
    const wasDegraded = this.current === 'degraded';
    this.lastError = undefined;
    this.startMistake = undefined;
    this.loading = false;
    if (!this.machine.enter('ready')) return;
    this.deps.reporter.logger.log(
      wasDegraded
        ? `Redis is back after ${Date.now() - this.degradedSince} ms: events pass between instances again.`
        : 'Connected to Redis.',
    );
  }

  private degrade(reason: string): void {
    if (!this.machine.enter('degraded')) return;
    this.degradedSince = Date.now();
    this.deps.reporter.logger.warn(
      `Degraded, Redis does not serve this instance (${reason}). Local sockets get their events; ` +
        'events between instances do not pass until it does.' +
        // The start of the app fails with this mistake.
        (this.startMistake === undefined ? ' Retrying.' : ''),
    );
  }
}
