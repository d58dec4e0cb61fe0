import type { ResolvedPresenceOptions } from '../../options/resolve-presence.js';
import type { PresenceChange } from '../store/presence-change.js';
import type {
  DueResult,
  Lease,
  Owner,
  PresenceOperation,
  PresenceStore,
  Updated,
} from '../store/presence-store.js';
import { GraceSchedule } from './grace-schedule.js';
import { UnackedChanges } from './unacked-changes.js';
import { UserStates } from './user-states.js';

/** The maximum number of users in one call of the store. */
const USERS_PER_CALL = 500;

/** Shared by all buckets of an instance, but for `processDueIn`. @internal */
export interface BucketDeps {
  readonly store: PresenceStore;
  readonly options: ResolvedPresenceOptions;
  /** The current lease; undefined while there is none. */
  lease(): Lease | undefined;
  /** Whether no other instance can have taken over this instance's users under this lease. */
  holds(lease: Lease): boolean;
  /** Whether joins are tentative, shortly after a data loss. */
  isTentative(): boolean;
  /** Emits a change to the app. */
  report(change: PresenceChange): void;
  /** Whether changes have to wait for a subscriber or a lease. */
  isWaiting(): boolean;
  /** The store refused the lease, or it expired before the reply. */
  onLeaseEnded(): void;
  onFailed(error: unknown): void;
  /** Calls {@link BucketReconciler.processDue} in this many ms. */
  processDueIn(ms: number): void;
  /** Resolves when all waiting buckets start together. */
  nextTurn(): Promise<void>;
}

/** The operations of one user in an update. */
interface UserUpdate {
  readonly userId: string;
  readonly operations: readonly PresenceOperation[];
}

/**
 * Brings one bucket of the store into agreement with this instance, one call at a time, so that no call overtakes
 * another. After a failed call it waits for {@link work}.
 *
 * @internal
 */
export class BucketReconciler {
  private readonly users = new UserStates();
  private readonly dirty = new Set<string>();
  private readonly schedule: GraceSchedule;
  private readonly unacked = new UnackedChanges();
  private isDue = false;
  /** An update without a reply. It is repeated before any other call. */
  private unanswered: { readonly number: number; readonly updates: UserUpdate[] } | undefined;
  private batches = 0;
  private working: Promise<void> | undefined;

  constructor(
    private readonly bucket: number,
    private readonly deps: BucketDeps,
  ) {
    this.schedule = new GraceSchedule(deps);
  }

  /** The number of users with a state here, or in an update without a reply. */
  get size(): number {
    return this.users.size + (this.unanswered?.updates.length ?? 0);
  }

  /** A user has the first socket on this instance. */
  connected(userId: string): void {
    this.users.connected(userId);
    this.dirty.add(userId);
    this.work();
  }

  /** A user has no socket on this instance any more. */
  disconnected(userId: string): void {
    this.users.disconnected(userId);
    this.dirty.add(userId);
    this.work();
  }

  /** Sends all users to the store again: after a new connection, a data loss, or from time to time. */
  resend({ storeLostData }: { readonly storeLostData: boolean }): void {
    this.unacked.requestRedelivery();
    if (storeLostData) {
      this.schedule.dropTentative();
      this.putBack();
    }
    this.users.unconfirm(storeLostData);
    this.touchAll();
  }

  /** Has the store end the grace periods and tentative joins that are due. */
  processDue(): void {
    this.isDue = true;
    this.work();
  }

  /** A reply of the store with changes may have been lost. */
  requestRedelivery(): void {
    this.unacked.requestRedelivery();
    this.processDue();
  }

  /** Takes over the result of a sweep. Returns false if the lease has ended. */
  adopt(result: DueResult, lease: Lease): boolean {
    if (!this.accepts(result, lease)) {
      this.processDue();
      return false;
    }
    const { now, nextAt, changes } = result;
    this.take(changes);
    if (nextAt !== undefined) this.schedule.inherited(nextAt, now);
    return true;
  }

  /** Registers all users again. Other instances gave this one up, and report its unacknowledged changes. */
  givenUp(): void {
    this.unacked.requestRedelivery();
    this.putBack();
    this.users.givenUp();
    this.schedule.clear();
    this.unacked.clear();
    this.touchAll();
  }

  /** Reports a change made by this instance. */
  reportOwn(change: PresenceChange): void {
    this.unacked.add(change);
    this.reportWaiting();
  }

  /** Reports waiting changes to the app, unless they have to wait longer. */
  reportWaiting(): void {
    // Checked for each change: a subscriber may unsubscribe after the first.
    while (!this.deps.isWaiting()) {
      const change = this.unacked.next();
      if (change === undefined) break;
      this.deps.report(change);
    }
    if (this.unacked.size > 0) this.work();
  }

  work(): void {
    this.working ??= this.run();
  }

  /** Resolves when the store has been updated, or could not be. */
  async whenUpdated(): Promise<void> {
    await this.working;
  }

  /** Acknowledges reported changes. Call it after the lease has ended, so that no other call starts. */
  async end(owner: Owner): Promise<void> {
    await this.working;
    const changes = this.unacked.first(Infinity);
    if (changes.length > 0) await this.deps.store.acknowledge(this.bucket, owner, changes);
  }

  private touchAll(): void {
    for (const userId of this.users.ids()) this.dirty.add(userId);
    this.work();
  }

  private async run(): Promise<void> {
    await this.deps.nextTurn();
    try {
      for (let work = this.nextWork(); work !== undefined; work = this.nextWork()) {
        if (!(await work())) break;
      }
    } catch (error) {
      this.unacked.requestRedelivery();
      this.deps.onFailed(error);
    } finally {
      // In the same turn as the last look for work, so that later work starts another run.
      this.working = undefined;
    }
  }

  /** The next call of the store, which returns false if the lease has ended. Undefined for none. */
  private nextWork(): (() => Promise<boolean>) | undefined {
    const lease = this.deps.lease();
    if (lease === undefined) return undefined;
    if (this.unanswered !== undefined || this.dirty.size > 0) return () => this.update(lease);
    if (this.isDue) return () => this.processDueNow(lease);
    return this.unacked.size > 0 ? () => this.acknowledge(lease) : undefined;
  }

  private async update(lease: Lease): Promise<boolean> {
    const batch = this.unanswered ?? { number: ++this.batches, updates: this.takeDirty() };
    const steps = batch.updates.flatMap(({ userId, operations }) =>
      operations.map((operation) => ({ operation, userId })),
    );
    if (steps.length === 0) return true;
    this.unanswered = batch;
    const { redeliver, received } = this.unacked.expectReply();
    const flags = { number: batch.number, redeliver };
    const updated = await this.deps.store.update(this.bucket, lease, steps, flags);
    if (!this.accepts(updated, lease)) return false;
    received();
    // The batch was put back during the call.
    if (this.unanswered !== batch) return true;
    this.unanswered = undefined;
    for (const update of batch.updates) this.applied(update, updated.now, lease);
    this.take(updated.changes);
    return true;
  }

  private async processDueNow(lease: Lease): Promise<boolean> {
    const { redeliver, received } = this.unacked.expectReply();
    this.isDue = false;
    let isDone = false;
    try {
      const result = await this.deps.store.processDue(this.bucket, lease, redeliver);
      isDone = this.accepts(result, lease);
      if (!isDone) return false;
      received();
      this.applyDue(result, lease);
      return true;
    } finally {
      if (!isDone) this.isDue = true;
    }
  }

  private async acknowledge({ owner }: Lease): Promise<boolean> {
    const changes = this.unacked.first(USERS_PER_CALL);
    await this.deps.store.acknowledge(this.bucket, owner, changes);
    this.unacked.acknowledged(changes);
    return true;
  }

  /**
   * Ignores replies that arrive after the lease has expired (a frozen process): another instance may own these changes by
   * now. If not, the store redelivers them.
   */
  private accepts({ state }: Updated, lease: Lease): boolean {
    if (state === 'done' && this.deps.holds(lease)) return true;
    this.unacked.requestRedelivery();
    this.deps.onLeaseEnded();
    return false;
  }

  private takeDirty(): UserUpdate[] {
    const isTentative = this.deps.isTentative();
    const updates: UserUpdate[] = [];
    for (const userId of this.dirty) {
      if (updates.length === USERS_PER_CALL) break;
      this.dirty.delete(userId);
      const operations = this.users.takeOperations(userId, isTentative);
      if (operations.length > 0) updates.push({ userId, operations });
    }
    return updates;
  }

  /** Puts the users of the update without a reply back: the store has lost its data, or has swept this owner. */
  private putBack(): void {
    for (const { userId, operations } of this.unanswered?.updates ?? []) {
      this.users.uncertain(userId, operations);
      this.dirty.add(userId);
    }
    this.unanswered = undefined;
  }

  private applied({ userId, operations }: UserUpdate, now: number, lease: Lease): void {
    this.users.applied(userId, operations);
    if (operations.includes('hold')) {
      const until = lease.tentativeUntil ?? now + this.deps.options.leaseMs;
      this.schedule.joinedTentatively(userId, until, now);
    }
    const last = operations.at(-1);
    if (last === 'leave' || last === 'gone') this.schedule.left(userId, now);
    else this.schedule.returned(userId);
  }

  private applyDue(result: DueResult, { tentativeUntil = 0 }: Lease): void {
    const { now, nextAt, changes } = result;
    if (now >= tentativeUntil) {
      for (const userId of this.schedule.takeConfirmed(now)) this.users.confirmed(userId);
      for (const userId of this.schedule.takeSettled(now, nextAt)) this.users.settled(userId);
    }
    this.take(changes);
    this.schedule.processed(result, tentativeUntil);
  }

  private take(changes: readonly PresenceChange[]): void {
    for (const change of changes) this.unacked.add(change);
    this.reportWaiting();
    this.work();
  }
}
