import type { BucketSurroundings } from './bucket-deps.js';
import { DueUsers } from './grace-schedule.js';
import { HandedOut } from './unacked-changes.js';
import type { PresenceChange } from '../store/presence-change.js';
import type {
  Lease,
  Owner,
  PresenceOperation,
  PresenceStep,
  Settled,
  Updated,
} from '../store/presence-store.js';
import { UserLedger } from './user-states.js';

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
export class BucketWork {
  private readonly ledger = new UserLedger();
  private readonly dirty = new Set<string>();
  private readonly due: DueUsers;
  private readonly handed = new HandedOut();
  private settling = false;
  /** How often the store may have handed out what has not come since, and up to which of them it was asked again. */
  private doubts = 1;
  private cleared = 0;
  /** What the store was told and has not answered: it is told the same again, before anything else. */
  private unanswered: Batch | undefined;
  private batches = 0;
  private working: Promise<void> | undefined;

  constructor(
    private readonly bucket: number,
    private readonly around: BucketSurroundings,
  ) {
    this.due = new DueUsers(around);
  }

  /** How many users there is something to know of, or to be said of. */
  get size(): number {
    return this.ledger.size + (this.unanswered?.told.length ?? 0);
  }

  /** A user has a socket here. */
  came(userId: string): void {
    this.ledger.came(userId);
    this.touch(userId);
  }

  /** A user has no socket here any more. */
  went(userId: string): void {
    this.ledger.went(userId);
    this.touch(userId);
  }

  /** The store is told once more of all users: of a new connection, or to be sure. */
  retell({ storeLostData }: { readonly storeLostData: boolean }): void {
    this.doubts++;
    if (storeLostData) {
      this.due.noneIsHeld();
      this.putBack();
    }
    this.ledger.unconfirm(storeLostData);
    this.touchAll();
  }

  /** Something has become due. */
  settle(): void {
    this.settling = true;
    this.work();
  }

  /** The store may have handed out something that has not come. */
  askAgain(): void {
    this.doubts++;
    this.settle();
  }

  /** What a dead instance left here falls to this one. Returns whether it could take it. */
  adopt(settled: Settled, lease: Lease): boolean {
    if (!this.accepts(settled, lease)) {
      this.settle();
      return false;
    }
    const { now, nextAt, changes } = settled;
    this.take(changes);
    if (nextAt !== undefined) this.due.inherited(nextAt, now);
    return true;
  }

  /** The others have taken this instance's users off it; who went, and what was handed out, is theirs to report. */
  givenUp(): void {
    this.doubts++;
    this.putBack();
    this.ledger.givenUp();
    this.due.clear();
    this.handed.clear();
    this.touchAll();
  }

  /** A change that comes from this instance itself. */
  made(change: PresenceChange): void {
    this.handed.add(change);
    this.handOver();
  }

  /** Tells the app what it has not heard of, unless that has to wait. */
  handOver(): void {
    // Looked at each time: whoever hears of one may have heard enough.
    while (!this.around.isWaiting()) {
      const change = this.handed.next();
      if (change === undefined) break;
      this.around.report(change);
    }
    if (this.handed.size > 0) this.work();
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
    const changes = this.handed.first(Infinity);
    if (changes.length > 0) await this.around.store.reported(this.bucket, owner, changes);
  }

  private touch(userId: string): void {
    this.dirty.add(userId);
    this.work();
  }

  private touchAll(): void {
    for (const userId of this.ledger.ids()) this.dirty.add(userId);
    this.work();
  }

  private async run(): Promise<void> {
    // What comes within one turn goes out as one.
    await this.around.nextTurn();
    try {
      for (let work = this.nextWork(); work !== undefined; work = this.nextWork()) {
        if (!(await work())) break;
      }
    } catch (error) {
      this.doubts++;
      this.around.onFailed(error);
    } finally {
      // In the same turn as nothing more was found: what comes from now on begins anew.
      this.working = undefined;
    }
  }

  /** A call that returns whether it was of use; undefined while there is none to make. */
  private nextWork(): (() => Promise<boolean>) | undefined {
    const lease = this.around.lease();
    if (lease === undefined) return undefined;
    if (this.unanswered !== undefined || this.dirty.size > 0) return () => this.update(lease);
    if (this.settling) return () => this.settleNow(lease);
    return this.handed.size > 0 ? () => this.confirm(lease) : undefined;
  }

  private async update(lease: Lease): Promise<boolean> {
    const batch = this.unanswered ?? { number: ++this.batches, told: this.takeDirty() };
    const steps = batch.told.flatMap((told) => told.steps);
    if (steps.length === 0) return true;
    this.unanswered = batch;
    const { doubts } = this;
    const flags = { number: batch.number, again: doubts > this.cleared };
    const updated = await this.around.store.update(this.bucket, lease, steps, flags);
    if (!this.accepts(updated, lease)) return false;
    this.cleared = doubts;
    // Put back in the meantime.
    if (this.unanswered !== batch) return true;
    this.unanswered = undefined;
    for (const told of batch.told) this.wasTold(told, updated.now, lease);
    this.take(updated.changes);
    return true;
  }

  private async settleNow(lease: Lease): Promise<boolean> {
    this.settling = false;
    let isDone = false;
    try {
      const { doubts } = this;
      const settled = await this.around.store.settle(this.bucket, lease, doubts > this.cleared);
      isDone = this.accepts(settled, lease);
      if (isDone) {
        this.cleared = doubts;
        this.settled(settled, lease);
      }
    } finally {
      if (!isDone) this.settling = true;
    }
    return isDone;
  }

  /** Says which changes have come. */
  private async confirm({ owner }: Lease): Promise<boolean> {
    const changes = this.handed.first(USERS_PER_CALL);
    await this.around.store.reported(this.bucket, owner, changes);
    this.handed.confirmed(changes);
    return true;
  }

  /**
   * What is heard only after the lease has ended, as by a process that was frozen, may have been handed to others
   * meanwhile. If it was not, the store says it again.
   */
  private accepts({ state }: Updated, lease: Lease): boolean {
    if (state === 'done' && this.around.holds(lease)) return true;
    this.doubts++;
    this.around.onLeaseEnded();
    return false;
  }

  private takeDirty(): Told[] {
    const holding = this.around.isHolding();
    const batch: Told[] = [];
    for (const userId of this.dirty) {
      if (batch.length === USERS_PER_CALL) break;
      this.dirty.delete(userId);
      const operations = this.ledger.take(userId, holding);
      const steps = operations.map((operation) => ({ operation, userId }));
      if (steps.length > 0) batch.push({ userId, steps });
    }
    return batch;
  }

  /** The store does not know what it was told last, or does not know this owner any more. */
  private putBack(): void {
    for (const { userId, steps } of this.unanswered?.told ?? []) {
      this.ledger.untold(userId, steps.map(operationOf));
      this.dirty.add(userId);
    }
    this.unanswered = undefined;
  }

  private wasTold({ userId, steps }: Told, now: number, { holdUntil }: Lease): void {
    const operations = steps.map(operationOf);
    this.ledger.told(userId, operations);
    if (operations.includes('hold')) {
      this.due.holds(userId, holdUntil ?? now + this.around.leaseMs, now);
    }
    const last = operations.at(-1);
    if (last === 'leave' || last === 'gone') this.due.went(userId, now);
    else this.due.isBack(userId);
  }

  private settled(settled: Settled, { holdUntil = 0 }: Lease): void {
    const { now, nextAt, changes } = settled;
    if (now >= holdUntil) {
      for (const userId of this.due.takeCertain(now)) this.ledger.certain(userId);
      for (const userId of this.due.takeGone(now, nextAt)) this.ledger.settled(userId);
    }
    this.take(changes);
    this.due.settled(settled, holdUntil);
  }

  private take(changes: readonly PresenceChange[]): void {
    for (const change of changes) this.handed.add(change);
    this.handOver();
    this.work();
  }
}

function operationOf({ operation }: PresenceStep): PresenceOperation {
  return operation;
}
