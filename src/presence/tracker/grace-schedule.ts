import type { ResolvedPresenceOptions } from '../../options/resolve-presence.js';
import { graceEnd } from '../store/grace-period.js';
import type { DueResult } from '../store/presence-store.js';

/** @internal */
export interface GraceScheduleDeps {
  readonly options: ResolvedPresenceOptions;
  /** Calls `processDue` of the store in this many ms. */
  processDueIn(ms: number): void;
}

/**
 * The users of a bucket whose grace period or tentative join ends later, and until when this instance has the store
 * process them. All times are in ms on the store's clock. The rule itself is in `store/grace-period.ts`.
 *
 * @internal
 */
export class GraceSchedule {
  /** Users who left here, and the ends of their grace periods. */
  private readonly departed = new Map<string, number>();
  /** Users who joined tentatively, and the ends of their tentative joins. */
  private readonly tentative = new Map<string, number>();
  /** Later ends are processed by another instance. */
  private responsibleUntil = 0;

  constructor(private readonly deps: GraceScheduleDeps) {}

  /** The join of a user is tentative until `until`. A second join does not prolong it. */
  joinedTentatively(userId: string, until: number, now: number): void {
    if (this.tentative.has(userId)) return;
    this.tentative.set(userId, until);
    // The grace period of a user who leaves before then starts at `until`.
    this.extendResponsibility(graceEnd(until, this.deps.options));
    this.deps.processDueIn(until - now);
  }

  /** The grace period of a user has started, or will start after the tentative join. */
  left(userId: string, now: number): void {
    const { options } = this.deps;
    this.departed.set(userId, graceEnd(Math.max(now, this.tentative.get(userId) ?? 0), options));
    const end = graceEnd(now, options);
    this.extendResponsibility(end);
    this.deps.processDueIn(end - now);
  }

  returned(userId: string): void {
    this.departed.delete(userId);
  }

  /** This instance has swept a dead one, whose next user is due at `nextAt`. */
  inherited(nextAt: number, now: number): void {
    const { options } = this.deps;
    this.extendResponsibility(graceEnd(now, options) + options.leaseMs);
    this.deps.processDueIn(nextAt - now);
  }

  /** Removes and returns the users whose tentative join is over. */
  takeConfirmed(now: number): string[] {
    return take(this.tentative, (until) => until <= now);
  }

  /**
   * Removes and returns the users whose grace period is over, or who have returned on another instance.
   *
   * @param nextAt the earliest end that the store still has; undefined for none
   */
  takeSettled(now: number, nextAt: number = Infinity): string[] {
    // An earlier end than `nextAt` is no longer in the store: the user has returned.
    return take(this.departed, (end) => end <= now || end < nextAt);
  }

  /** The store has processed everything due; schedules the next call. */
  processed({ now, nextAt, changes }: DueResult, tentativeUntil: number): void {
    const { options } = this.deps;
    if (now < tentativeUntil) {
      this.extendResponsibility(graceEnd(tentativeUntil, options));
      this.deps.processDueIn(tentativeUntil - now);
    }
    // A tentative user who has left starts the grace period now; only this instance knows it.
    if (changes.length > 0) this.extendResponsibility(graceEnd(now, options));
    if (nextAt !== undefined && nextAt <= this.responsibleUntil) {
      this.deps.processDueIn(nextAt - now);
    }
  }

  /** The store has lost its data: the users join again. */
  dropTentative(): void {
    this.tentative.clear();
  }

  clear(): void {
    this.departed.clear();
    this.tentative.clear();
    this.responsibleUntil = 0;
  }

  private extendResponsibility(until: number): void {
    this.responsibleUntil = Math.max(this.responsibleUntil, until);
  }
}

function take(ends: Map<string, number>, isOver: (end: number) => boolean): string[] {
  const over = [...ends].flatMap(([userId, end]) => (isOver(end) ? [userId] : []));
  for (const userId of over) ends.delete(userId);
  return over;
}
