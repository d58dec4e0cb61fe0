import type { DueResult } from '../store/presence-store.js';

/** @internal */
export interface GraceScheduleDeps {
  readonly graceMs: number;
  readonly leaseMs: number;
  /** The store is to be asked in so many ms what has become certain. */
  processDueIn(ms: number): void;
}

/**
 * Of which users of a bucket something becomes certain later, and until when it is this instance that has the store
 * settle it. All times are those of the store's clock, in ms.
 *
 * @internal
 */
export class GraceSchedule {
  /** Users that went, and when that is settled. */
  private readonly departed = new Map<string, number>();
  /** Users of whom it will be certain then that they came online. */
  private readonly held = new Map<string, number>();
  /** Until when this instance has something to settle here. */
  private responsibleUntil = 0;

  constructor(private readonly deps: GraceScheduleDeps) {}

  /** It is not said of the user before then that they came online. */
  holds(userId: string, until: number, now: number): void {
    if (this.held.has(userId)) return;
    this.held.set(userId, until);
    // And the grace period after it, for who has gone by then.
    this.isResponsible(until + this.deps.graceMs);
    this.deps.processDueIn(until - now);
  }

  /** The grace period of the user has begun. */
  went(userId: string, now: number): void {
    const { graceMs } = this.deps;
    this.departed.set(userId, Math.max(now, this.held.get(userId) ?? 0) + graceMs);
    this.isResponsible(now + graceMs);
    this.deps.processDueIn(graceMs);
  }

  isBack(userId: string): void {
    this.departed.delete(userId);
  }

  /** What a dead instance has left, of which the first is due then. */
  inherited(nextAt: number, now: number): void {
    this.isResponsible(now + this.deps.graceMs + this.deps.leaseMs);
    this.deps.processDueIn(nextAt - now);
  }

  /** Users of whom it is certain by now that they came. */
  takeCertain(now: number): string[] {
    return take(this.held, (at) => at <= now);
  }

  /** @param nextAt when the next user who has gone is due, as far as the store knows */
  takeGone(now: number, nextAt: number = Infinity): string[] {
    // Who is due later and not pending has come back somewhere.
    return take(this.departed, (at) => at <= now || at < nextAt);
  }

  /** The store has settled what was due; when it is to be asked again. */
  settled({ now, nextAt, changes }: DueResult, holdUntil: number): void {
    const { graceMs } = this.deps;
    if (now < holdUntil) {
      this.isResponsible(holdUntil + graceMs);
      this.deps.processDueIn(holdUntil - now);
    }
    // Who was held and has gone is in the grace period from now on: nobody else knows of that.
    if (changes.length > 0) this.isResponsible(now + graceMs);
    // What is due later is another instance's to settle, unless it is ours as well.
    if (nextAt !== undefined && nextAt <= this.responsibleUntil)
      this.deps.processDueIn(nextAt - now);
  }

  /** The store has lost its data: who came is told to it anew. */
  noneIsHeld(): void {
    this.held.clear();
  }

  clear(): void {
    this.departed.clear();
    this.held.clear();
    this.responsibleUntil = 0;
  }

  private isResponsible(until: number): void {
    this.responsibleUntil = Math.max(this.responsibleUntil, until);
  }
}

function take(times: Map<string, number>, isOver: (at: number) => boolean): string[] {
  const over = [...times].flatMap(([userId, at]) => (isOver(at) ? [userId] : []));
  for (const userId of over) times.delete(userId);
  return over;
}
