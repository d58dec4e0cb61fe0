import type { BucketDeps } from './bucket-deps.js';
import { GraceSchedule } from './grace-schedule.js';
import { UnackedChanges } from './unacked-changes.js';
import type { PresenceChange } from '../store/presence-change.js';
import type {
  Lease,
  Owner,
  PresenceOperation,
  PresenceStep,
  DueResult,
  Updated,
} from '../store/presence-store.js';
import { UserStates } from './user-states.js';

/** How many users one call of the store is about. */
const USERS_PER_CALL = 500;

/** What the store is told of a user. */
interface Told {
  readonly userId: string;
  readonly steps: readonly PresenceStep[];
}

interface Batch {
  readonly number: number;
  readonly told: readonly Told[];
}

/**
 * What this instance has to tell the store of one bucket, one call at a time: so nothing overtakes anything, and what
 * comes up meanwhile goes along with the next call. It rests when a call fails, until `work` is called again.
 *
 * @internal
 */
export class BucketReconciler {
  private readonly users = new UserStates();
  private readonly dirty = new Set<string>();
  private readonly schedule: GraceSchedule;
  private readonly unacked = new UnackedChanges();
  private isDue = false;
  /** How often the store may have handed out what has not come since, and up to which of them it was asked again. */
  private redeliveryEpoch = 1;
  private acknowledgedEpoch = 0;
  /** What the store was told and has not answered: it is told the same again, before anything else. */
  private unanswered: Batch | undefined;
  private batches = 0;
  private working: Promise<void> | undefined;

  constructor(
    private readonly bucket: number,
    private readonly deps: BucketDeps,
  ) {
    this.schedule = new GraceSchedule(deps);
  }

  /** How many users there is something to know of, or to be said of. */
  get size(): number {
    return this.users.size + (this.unanswered?.told.length ?? 0);
  }

  /** A user has a socket here. */
  came(userId: string): void {
    this.users.came(userId);
    this.touch(userId);
  }

  /** A user has no socket here any more. */
  went(userId: string): void {
    this.users.went(userId);
    this.touch(userId);
  }

  /** The store is told once more of all users: of a new connection, or to be sure. */
  retell({ storeLostData }: { readonly storeLostData: boolean }): void {
    this.redeliveryEpoch++;
    if (storeLostData) {
      this.schedule.noneIsHeld();
      this.putBack();
    }
    this.users.unconfirm(storeLostData);
    this.touchAll();
  }

  /** Something has become due. */
  processDue(): void {
    this.isDue = true;
    this.work();
  }

  /** The store may have handed out something that has not come. */
  requestRedelivery(): void {
    this.redeliveryEpoch++;
    this.processDue();
  }

  /** What a dead instance left here falls to this one. Returns whether it could take it. */
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

  /** The others have taken this instance's users off it; who went, and what was handed out, is theirs to report. */
  givenUp(): void {
    this.redeliveryEpoch++;
    this.putBack();
    this.users.givenUp();
    this.schedule.clear();
    this.unacked.clear();
    this.touchAll();
  }

  /** A change that comes from this instance itself. */
  made(change: PresenceChange): void {
    this.unacked.add(change);
    this.handOver();
  }

  /** Tells the app what it has not heard of, unless that has to wait. */
  handOver(): void {
    // Looked at each time: whoever hears of one may have heard enough.
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

  /** Resolves when the store has been told what has come up so far, or could not be. */
  async told(): Promise<void> {
    await this.working;
  }

  /**
   * Begins nothing new; resolves when the store knows what the app has heard of: the rest falls to whoever takes this
   * instance's users. There is no lease any more.
   */
  async end(owner: Owner): Promise<void> {
    await this.working;
    const changes = this.unacked.first(Infinity);
    if (changes.length > 0) await this.deps.store.acknowledge(this.bucket, owner, changes);
  }

  private touch(userId: string): void {
    this.dirty.add(userId);
    this.work();
  }

  private touchAll(): void {
    for (const userId of this.users.ids()) this.dirty.add(userId);
    this.work();
  }

  private async run(): Promise<void> {
    // What comes within one turn goes out as one.
    await this.deps.nextTurn();
    try {
      for (let work = this.nextWork(); work !== undefined; work = this.nextWork()) {
        if (!(await work())) break;
      }
    } catch (error) {
      this.redeliveryEpoch++;
      this.deps.onFailed(error);
    } finally {
      // In the same turn as nothing more was found: what comes from now on begins anew.
      this.working = undefined;
    }
  }

  /** A call that returns whether it was of use; undefined while there is none to make. */
  private nextWork(): (() => Promise<boolean>) | undefined {
    const lease = this.deps.lease();
    if (lease === undefined) return undefined;
    if (this.unanswered !== undefined || this.dirty.size > 0) return () => this.update(lease);
    if (this.isDue) return () => this.processDueNow(lease);
    return this.unacked.size > 0 ? () => this.acknowledge(lease) : undefined;
  }

  private async update(lease: Lease): Promise<boolean> {
    const batch = this.unanswered ?? { number: ++this.batches, told: this.takeDirty() };
    const steps = batch.told.flatMap((told) => told.steps);
    if (steps.length === 0) return true;
    this.unanswered = batch;
    const { redeliveryEpoch } = this;
    const flags = { number: batch.number, redeliver: redeliveryEpoch > this.acknowledgedEpoch };
    const updated = await this.deps.store.update(this.bucket, lease, steps, flags);
    if (!this.accepts(updated, lease)) return false;
    this.acknowledgedEpoch = redeliveryEpoch;
    // Put back in the meantime.
    if (this.unanswered !== batch) return true;
    this.unanswered = undefined;
    for (const told of batch.told) this.wasTold(told, updated.now, lease);
    this.take(updated.changes);
    return true;
  }

  private async processDueNow(lease: Lease): Promise<boolean> {
    this.isDue = false;
    let isDone = false;
    try {
      const { redeliveryEpoch } = this;
      const result = await this.deps.store.processDue(
        this.bucket,
        lease,
        redeliveryEpoch > this.acknowledgedEpoch,
      );
      isDone = this.accepts(result, lease);
      if (isDone) {
        this.acknowledgedEpoch = redeliveryEpoch;
        this.applyDue(result, lease);
      }
    } finally {
      if (!isDone) this.isDue = true;
    }
    return isDone;
  }

  /** Says which changes have come. */
  private async acknowledge({ owner }: Lease): Promise<boolean> {
    const changes = this.unacked.first(USERS_PER_CALL);
    await this.deps.store.acknowledge(this.bucket, owner, changes);
    this.unacked.acknowledged(changes);
    return true;
  }

  /**
   * What is heard only after the lease has ended, as by a process that was frozen, may have been handed to others
   * meanwhile. If it was not, the store says it again.
   */
  private accepts({ state }: Updated, lease: Lease): boolean {
    if (state === 'done' && this.deps.holds(lease)) return true;
    this.redeliveryEpoch++;
    this.deps.onLeaseEnded();
    return false;
  }

  private takeDirty(): Told[] {
    const holding = this.deps.isHolding();
    const batch: Told[] = [];
    for (const userId of this.dirty) {
      if (batch.length === USERS_PER_CALL) break;
      this.dirty.delete(userId);
      const operations = this.users.take(userId, holding);
      const steps = operations.map((operation) => ({ operation, userId }));
      if (steps.length > 0) batch.push({ userId, steps });
    }
    return batch;
  }

  /** The store does not know what it was told last, or does not know this owner any more. */
  private putBack(): void {
    for (const { userId, steps } of this.unanswered?.told ?? []) {
      this.users.untold(userId, steps.map(operationOf));
      this.dirty.add(userId);
    }
    this.unanswered = undefined;
  }

  private wasTold({ userId, steps }: Told, now: number, { holdUntil }: Lease): void {
    const operations = steps.map(operationOf);
    this.users.told(userId, operations);
    if (operations.includes('hold')) {
      this.schedule.holds(userId, holdUntil ?? now + this.deps.leaseMs, now);
    }
    const last = operations.at(-1);
    if (last === 'leave' || last === 'gone') this.schedule.went(userId, now);
    else this.schedule.isBack(userId);
  }

  private applyDue(result: DueResult, { holdUntil = 0 }: Lease): void {
    const { now, nextAt, changes } = result;
    if (now >= holdUntil) {
      for (const userId of this.schedule.takeCertain(now)) this.users.certain(userId);
      for (const userId of this.schedule.takeGone(now, nextAt)) this.users.settled(userId);
    }
    this.take(changes);
    this.schedule.settled(result, holdUntil);
  }

  private take(changes: readonly PresenceChange[]): void {
    for (const change of changes) this.unacked.add(change);
    this.handOver();
    this.work();
  }
}

function operationOf({ operation }: PresenceStep): PresenceOperation {
  return operation;
}
