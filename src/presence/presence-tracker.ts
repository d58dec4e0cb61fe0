import type { Observable, Subscription } from 'rxjs';
import { isPassing, PropagatorError, reasonOf } from '../errors.js';
import type { ResolvedPresenceOptions } from '../options/resolve-presence.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { SocketStateService } from '../sockets/socket-state.service.js';
import { BucketWork } from './bucket-work.js';
import { ChangeOutlet } from './change-outlet.js';
import { DueTimer } from './due-timer.js';
import { PacedTurns } from './paced-turns.js';
import { BUCKETS, bucketOf } from './presence-buckets.js';
import type { PresenceChange } from './presence-change.js';
import type { Lease, Owner, PresenceStore } from './presence-store.js';
import { Sweeps, type Sweeper } from './sweeps.js';

const SOON_MS = 1_000;

interface TrackerSurroundings {
  readonly pubSub: PubSub;
  readonly state: SocketStateService;
  readonly reporter: Reporter;
  /** Called when the store may not have what it was told beside presence. */
  onRetold(): void;
  /** Called after each renewal of the lease. */
  onRenewed(): void;
}

/**
 * Keeps the store in agreement with the sockets of this instance, whatever happens to Redis, to the connection to it or
 * to this process; and takes the users of instances that have died off them.
 *
 * The instance renews its lease with each heartbeat. While it has one, the store holds what it was told. When it was
 * given up (it was frozen, say) it begins anew under another name, so that nothing late of it has any effect.
 *
 * @internal
 */
export class PresenceTracker {
  private readonly buckets: readonly BucketWork[];
  private readonly dueTimer = new DueTimer<BucketWork>((bucket) => bucket.settle());
  private readonly outlet: ChangeOutlet;
  private readonly subscriptions: Subscription[] = [];
  private timer: NodeJS.Timeout | undefined;
  /** One more each time that this instance was given up. */
  private epoch = 0;
  /** That of the store, when the lease was last renewed. */
  private connection: number | undefined;
  private lease: Lease | undefined;
  /** Until when nobody can have given this instance up, on this process' clock. */
  private heldUntil = 0;
  /** What the store called its data then. */
  private data: string | undefined;
  /** Whether the store may not have what it was told on an earlier connection. */
  private unconfirmed = false;
  private renewedAt = -Infinity;
  /** The store's clock at the same moment. */
  private storeNow = 0;
  /** Since when all renewals have succeeded, by the clock that nobody sets. */
  private steadySince = Infinity;
  /** Until when others may be putting back what the store lost, on this process' clock. */
  private holdingUntil = 0;
  private beating: Promise<void> | undefined;
  private beatAgain = false;
  private beats = 0;
  private lastFailure: unknown;
  private stopped = false;
  private readonly turns = new PacedTurns();

  private readonly sweeps: Sweeps;

  constructor(
    private readonly store: PresenceStore,
    private readonly instanceId: string,
    private readonly options: ResolvedPresenceOptions,
    private readonly around: TrackerSurroundings,
  ) {
    this.outlet = new ChangeOutlet(options.leaseMs, () => this.handOver());
    this.buckets = Array.from({ length: BUCKETS }, (_, index) => this.createBucket(index));
    const sweeper: Sweeper = {
      store,
      lease: () => this.currentLease,
      adopt: (bucket, swept, lease) => this.bucket(bucket).adopt(swept, lease),
      failed: (bucket, error) => {
        this.failed(error);
        // What it handed out has to be asked for again.
        this.bucket(bucket).settle();
      },
    };
    this.sweeps = new Sweeps(sweeper, around.reporter, (error) => this.failed(error));
    // From the beginning: a gateway with a port of its own lets clients in before the app has started.
    this.subscriptions.push(
      around.state.changes$.subscribe(({ type, userId }) => {
        const bucket = this.bucket(bucketOf(userId));
        if (type === 'first-socket') bucket.came(userId);
        else bucket.went(userId);
      }),
    );
  }

  /** What this instance reports. */
  get changes$(): Observable<PresenceChange> {
    return this.outlet.changes$;
  }

  /** Undefined while there is none, and since the connection was lost: then the store may not be what it was. */
  get currentLease(): Lease | undefined {
    return this.connection === this.store.connection ? this.lease : undefined;
  }

  get owner(): Owner {
    return `${this.instanceId}.${this.epoch.toString(36)}`;
  }

  /** How many users this instance keeps something about. */
  get size(): number {
    return this.buckets.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Takes part from now on.
   *
   * @throws PropagatorError `redis.permission`, `redis.command-failed`: Redis does not let this instance
   */
  async start(): Promise<void> {
    this.subscriptions.push(
      this.around.pubSub.state$.subscribe((state) => {
        if (state === 'ready') void this.beat();
      }),
    );
    this.timer = setInterval(() => void this.beat(), this.options.heartbeatIntervalMs);
    if (this.beating === undefined) return;
    await this.beating;
    try {
      if (this.lastFailure !== undefined) throw this.lastFailure;
      await this.store.verify();
    } catch (error) {
      // A Redis that is away may be back in a moment.
      if (!isExpected(error)) throw error;
    }
  }

  /** Renews the lease now, as when another instance has ended and left its users. */
  async beat(): Promise<void> {
    if (this.stopped) return;
    this.beatAgain = this.beating !== undefined;
    this.beating ??= this.beatUntilDone().finally(() => {
      this.beating = undefined;
    });
    await this.beating;
  }

  /** Leaves what is left to the others. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    clearInterval(this.timer);
    this.dueTimer.clear();
    this.lease = undefined;
    const { owner } = this;
    try {
      await Promise.all(this.buckets.map((bucket) => bucket.end(owner)));
      await this.store.resign(owner);
    } catch {
      // Then the lease runs out.
      this.around.reporter.count('presence.failed');
    }
    this.store.close();
    this.outlet.close();
  }

  /** Whoever wants to listen does from now on: see {@link ChangeOutlet}. */
  appStarted(): void {
    this.outlet.appStarted();
    this.handOver();
  }

  appEnding(): void {
    this.outlet.appEnding();
  }

  /** Resolves when the store has been told of a user's sockets here as they are, or could not be. */
  told(userId: string): Promise<void> {
    return this.bucket(bucketOf(userId)).told();
  }

  /** Reports a change that this instance has made itself. */
  report(change: PresenceChange): void {
    this.outlet.tell(change);
  }

  /** Reports a status that this instance has set, and was not told so. */
  reportStatus(userId: string, status: string | null): void {
    const { instanceId } = this;
    this.report({ type: 'status', userId, status, at: Date.now(), instanceId });
  }

  private async beatUntilDone(): Promise<void> {
    do {
      this.beatAgain = false;
      try {
        await this.beatNow();
        this.lastFailure = undefined;
      } catch (error) {
        this.steadySince = Infinity;
        this.lastFailure = error;
        this.failed(error);
        return;
      }
    } while (this.beatAgain && !this.stopped);
  }

  private async beatNow(): Promise<void> {
    const { connection } = this.store;
    if (connection !== this.connection) this.connectedAnew(connection);
    const { owner, data } = this;
    const sentAt = Date.now();
    const answer = await this.store.beat({
      owner,
      data,
      claimUntil: this.claimUntil(),
      sweeping: this.sweeps.owners,
      isHeard: this.outlet.isHeard,
    });
    if (this.stopped || this.store.connection !== connection) return;
    if (answer.state === 'swept') {
      this.startAnew();
      await this.beatNow();
      return;
    }
    const { until, now, holdUntil } = answer;
    this.lease = { owner, connection, until, ...(holdUntil !== undefined && { holdUntil }) };
    if (holdUntil !== undefined) this.holdingUntil = Date.now() + (holdUntil - now);
    this.heldUntil = sentAt + (until - now);
    this.data = answer.data;
    this.storeNow = now;
    this.renewedAt = performance.now();
    if (this.steadySince === Infinity) this.steadySince = this.renewedAt;
    if (answer.state === 'lost') this.lostData();
    else if (this.unconfirmed) void this.retell(false);
    this.unconfirmed = false;
    // Whatever else may have become of the data: once in a while the store is told all over again.
    this.bucket(this.beats++ % BUCKETS).retell({ storeLostData: false });
    for (const bucket of this.buckets) bucket.work();
    this.handOver();
    this.around.onRenewed();
    for (const dead of answer.dead) void this.sweeps.begin(dead);
  }

  private connectedAnew(connection: number): void {
    this.connection = connection;
    this.lease = undefined;
    this.steadySince = Infinity;
    this.unconfirmed = true;
  }

  /**
   * Others are given up only while Redis has served this instance for so long without a break that they would have
   * renewed their leases: else it may have been Redis that stood still, or all of us.
   */
  private claimUntil(): number {
    const { leaseMs, heartbeatIntervalMs } = this.options;
    if (performance.now() - this.steadySince < leaseMs) return 0;
    return this.storeNow + Math.max(leaseMs / 2, 1.5 * heartbeatIntervalMs);
  }

  private startAnew(): void {
    this.around.reporter.report(
      'presence.given-up',
      () => 'this instance was silent for too long; its users are registered anew',
    );
    this.epoch++;
    this.data = undefined;
    this.lease = undefined;
    for (const bucket of this.buckets) bucket.givenUp();
    this.unconfirmed = true;
  }

  private lostData(): void {
    this.around.reporter.report(
      'presence.lost',
      () => 'Redis has lost its data; it is told again who is online',
    );
    void this.retell(true);
  }

  private async retell(storeLostData: boolean): Promise<void> {
    this.around.onRetold();
    for (const bucket of this.buckets) {
      bucket.retell({ storeLostData });
      // There may be very many users.
      if (bucket.size > 100) await new Promise(setImmediate);
    }
  }

  private handOver(): void {
    for (const bucket of this.buckets) bucket.handOver();
  }

  private bucket(index: number): BucketWork {
    const bucket = this.buckets[index];
    if (bucket === undefined) throw new RangeError(`There is no bucket ${index}`);
    return bucket;
  }

  private createBucket(index: number): BucketWork {
    const { store, options } = this;
    const bucket: BucketWork = new BucketWork(index, {
      store,
      graceMs: options.graceMs,
      leaseMs: options.leaseMs,
      lease: () => this.currentLease,
      holds: ({ owner }) => owner === this.owner && Date.now() < this.heldUntil,
      isHolding: () => Date.now() < this.holdingUntil,
      report: (change) => this.report(change),
      isWaiting: () => this.outlet.isWaiting,
      onLeaseEnded: () => {
        // Where the clocks of a Cluster are far apart, a new lease does not help either: then there is no hurry.
        if (performance.now() - this.renewedAt > SOON_MS) void this.beat();
      },
      onFailed: (error) => this.failed(error),
      settleIn: (ms) => this.dueTimer.in(ms, bucket),
      nextTurn: () => this.turns.next(),
    });
    return bucket;
  }

  private failed(error: unknown): void {
    // The state says that Redis is away, and the log has said so, too.
    if (isExpected(error)) this.around.reporter.count('presence.failed');
    else this.around.reporter.report('presence.failed', () => reasonOf(error));
  }
}

/** It comes by itself: with Redis, or with the end of this instance. */
function isExpected(error: unknown): boolean {
  return isPassing(error) || (error instanceof PropagatorError && error.code === 'redis.closed');
}
