import type { Observable, Subscription } from 'rxjs';
import { isPassing, PropagatorError, reasonOf } from '../../errors.js';
import type { ResolvedPresenceOptions } from '../../options/resolve-presence.js';
import type { PubSub } from '../../ports/pub-sub.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { SocketStateService } from '../../auth/socket-state.service.js';
import { BucketReconciler } from './bucket-reconciler.js';
import { ChangeFeed } from './change-feed.js';
import { DueTimer } from './due-timer.js';
import { LeaseKeeper } from './lease-keeper.js';
import { PacedTurns } from './paced-turns.js';
import { BUCKETS, bucketOf } from '../store/presence-buckets.js';
import type { PresenceChange } from '../store/presence-change.js';
import type { Lease, Owner, PresenceStore } from '../store/presence-store.js';
import { Sweeps, type Sweeper } from './sweeps.js';
import { guarded, type Failed } from '../../reporting/timers.js';

interface PresenceTrackerDeps {
  readonly pubSub: PubSub;
  readonly state: SocketStateService;
  readonly reporter: Reporter;
  /** Called when the store may have lost what this instance stored, sockets of the socket limit included. */
  onResend(): void;
  /** Called after each renewal of the lease. */
  onRenewed(): void;
}

/**
 * Keeps the store in agreement with the sockets of this instance through faults of Redis, of the connection and of this
 * process, and takes over the users of dead instances. While this instance has a lease, the store has its updates.
 *
 * @internal
 */
export class PresenceTracker {
  private readonly buckets: readonly BucketReconciler[];
  private readonly dueTimer: DueTimer<BucketReconciler>;
  private readonly lease: LeaseKeeper;
  private readonly feed: ChangeFeed;
  private readonly sweeps: Sweeps;
  private readonly subscriptions: Subscription[] = [];
  private readonly turns = new PacedTurns();
  private readonly threw: Failed;
  private renewals = 0;
  private stopped = false;

  constructor(
    private readonly store: PresenceStore,
    private readonly instanceId: string,
    private readonly options: ResolvedPresenceOptions,
    private readonly deps: PresenceTrackerDeps,
  ) {
    this.dueTimer = new DueTimer<BucketReconciler>((bucket) => bucket.processDue(), deps.reporter);
    const failed = deps.reporter.failure(
      'presence.failed',
      () => 'a user who connects or disconnects',
    );
    this.threw = failed;
    this.feed = new ChangeFeed(
      options.leaseMs,
      () => {
        this.reportWaiting();
        this.lease.subscribed();
      },
      failed,
    );
    this.lease = new LeaseKeeper(store, instanceId, options, {
      sweeping: () => this.sweeps.owners,
      hasSubscriber: () => this.feed.hasSubscriber,
      givenUp: () => this.givenUp(),
      storeForgot: ({ storeLostData }) => this.storeForgot(storeLostData),
      renewed: (dead) => this.renewed(dead),
      failed: (error) => this.failed(error),
    });
    this.buckets = Array.from({ length: BUCKETS }, (_, index) => this.createBucket(index));
    this.sweeps = new Sweeps(this.createSweeper(), deps.reporter, (error) => this.failed(error));
    // Not only from `start`: a gateway with its own port accepts clients before the app has started.
    this.subscriptions.push(
      deps.state.changes$.subscribe(
        guarded(failed, ({ type, userId }) => {
          const bucket = this.bucket(bucketOf(userId));
          if (type === 'first-socket') bucket.connected(userId);
          else bucket.disconnected(userId);
        }),
      ),
    );
  }

  /** The changes that this instance reports. */
  get changes$(): Observable<PresenceChange> {
    return this.feed.changes$;
  }

  /** Undefined without a lease, and after a lost connection until the lease is renewed. */
  get currentLease(): Lease | undefined {
    return this.lease.current;
  }

  get owner(): Owner {
    return this.lease.owner;
  }

  /** The number of users with a state on this instance. */
  get size(): number {
    return this.buckets.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Takes a lease and starts the updates.
   *
   * @throws PropagatorError `redis.permission`, `redis.wrong-server`, `redis.command-failed`
   */
  async start(): Promise<void> {
    this.subscriptions.push(
      this.deps.pubSub.state$.subscribe(
        guarded(this.threw, (state) => (state === 'ready' ? this.beat() : undefined)),
      ),
    );
    this.lease.start();
    if (!this.lease.isBeating) return;
    try {
      await this.store.verify();
      await this.lease.settled();
    } catch (error) {
      // Redis may be back in a moment.
      if (!isPassing(error) && !isClosed(error)) throw error;
    }
  }

  /** Renews the lease now, such as to take over the users of an instance that has ended. */
  beat(): Promise<void> {
    return this.lease.beat();
  }

  /** Ends the lease. Another instance takes over the users. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.dueTimer.clear();
    // The users who have just come or left: without a lease no update is sent.
    await Promise.all(this.buckets.map((bucket) => bucket.whenUpdated()));
    this.lease.stop();
    const { owner } = this;
    try {
      await Promise.all(this.buckets.map((bucket) => bucket.end(owner)));
      await this.store.resign(owner);
    } catch {
      // The lease will expire instead.
      this.deps.reporter.count('presence.failed');
    }
    this.store.close();
    this.feed.close();
  }

  /** The app has started and subscribes now: see {@link ChangeFeed}. */
  appStarted(): void {
    this.feed.appStarted();
    this.reportWaiting();
  }

  appEnding(): void {
    this.feed.appEnding();
  }

  /** Resolves when the store has been updated with a user's sockets on this instance, or could not be. */
  whenUpdated(userId: string): Promise<void> {
    return this.bucket(bucketOf(userId)).whenUpdated();
  }

  /** Reports a change made by this instance. */
  report(change: PresenceChange): void {
    this.bucket(bucketOf(change.userId)).reportOwn(change);
  }

  /** Reports a status that this instance has set, although the reply of the store was lost. */
  reportStatus(userId: string, status: string | null): void {
    const { instanceId } = this;
    this.report({ type: 'status', userId, status, at: Date.now(), instanceId });
  }

  private renewed(dead: readonly Owner[]): void {
    // Repairs any other loss of data in time: each renewal sends the users of one bucket again.
    this.bucket(this.renewals++ % BUCKETS).resend({ storeLostData: false });
    for (const bucket of this.buckets) bucket.work();
    this.reportWaiting();
    this.deps.onRenewed();
    this.attempt(() => this.sweeps.renewed(dead));
  }

  private givenUp(): void {
    this.deps.reporter.report(
      'presence.given-up',
      () =>
        'this instance was silent for longer than presence.leaseMs; it registers its users again',
    );
    for (const bucket of this.buckets) bucket.givenUp();
  }

  private storeForgot(storeLostData: boolean): void {
    if (storeLostData) {
      this.deps.reporter.report(
        'presence.lost',
        () => 'Redis has lost its data; this instance registers its users again',
      );
    }
    this.attempt(() => this.resendAll(storeLostData));
  }

  /** Reports a rejection of a promise that nothing awaits: it would end the process. */
  private attempt(act: () => Promise<void>): void {
    this.deps.reporter.attempt('presence.failed', () => 'after a renewal of the lease', act);
  }

  private async resendAll(storeLostData: boolean): Promise<void> {
    this.deps.onResend();
    for (const bucket of this.buckets) {
      bucket.resend({ storeLostData });
      // Yield to the event loop: there may be very many users.
      if (bucket.size > 100) await new Promise(setImmediate);
    }
  }

  private reportWaiting(): void {
    for (const bucket of this.buckets) bucket.reportWaiting();
  }

  private bucket(index: number): BucketReconciler {
    const bucket = this.buckets[index];
    if (bucket === undefined) throw new RangeError(`There is no bucket ${index}`);
    return bucket;
  }

  private createBucket(index: number): BucketReconciler {
    const { store, options, lease } = this;
    const bucket: BucketReconciler = new BucketReconciler(index, {
      store,
      options,
      lease: () => lease.current,
      holds: (held) => lease.holds(held),
      isTentative: () => lease.isTentative,
      report: (change) => this.feed.publish(change),
      isWaiting: () => this.feed.isWaiting || !lease.isHeld,
      onLeaseEnded: () => lease.ended(),
      onFailed: (error) => this.failed(error),
      processDueIn: (ms) => this.dueTimer.in(ms, bucket),
      nextTurn: () => this.turns.next(),
    });
    return bucket;
  }

  private createSweeper(): Sweeper {
    return {
      store: this.store,
      lease: () => this.currentLease,
      adopt: (bucket, swept, lease) => this.bucket(bucket).adopt(swept, lease),
      failed: (bucket, error) => {
        this.failed(error);
        this.bucket(bucket).requestRedelivery();
      },
    };
  }

  private failed(error: unknown): void {
    // Already reported by the connection state and in the log.
    if (isExpected(error)) this.deps.reporter.count('presence.failed');
    else this.deps.reporter.report('presence.failed', () => reasonOf(error));
  }
}

/** An error that passes when Redis is back, or comes with the end of this instance. */
function isExpected(error: unknown): boolean {
  return isClosed(error) || (isPassing(error) && error.code !== 'redis.no-writes');
}

function isClosed(error: unknown): boolean {
  return error instanceof PropagatorError && error.code === 'redis.closed';
}
