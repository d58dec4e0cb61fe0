import type { PresenceOperation } from '../store/presence-store.js';

/** The user has a socket on this instance. */
const CONNECTED = 1;
/** The user has connected since the last update of the store. */
const ARRIVED = 2;
/** The cluster considers the user online because of this instance. */
const KNOWN = 4;
/** The store has confirmed `KNOWN` on the current connection. */
const REGISTERED = 8;
/** The store knows that the user left here; the consequence may not have been reported yet. */
const DEPARTED = 16;
/** The store has lost its data since the last update. */
const LOST = 32;
/** The join is tentative: see the state diagram in `store/presence-store.ts`. */
const TENTATIVE = 64;

/**
 * The users of one bucket on this instance, and the operations that bring the store into agreement. The state of a user
 * is a few bits, because an instance may have very many users.
 *
 * @internal
 */
export class UserStates {
  private readonly users = new Map<string, number>();

  get size(): number {
    return this.users.size;
  }

  ids(): IterableIterator<string> {
    return this.users.keys();
  }

  connected(userId: string): void {
    this.set(userId, this.get(userId) | CONNECTED | ARRIVED);
  }

  disconnected(userId: string): void {
    this.set(userId, this.get(userId) & ~CONNECTED);
  }

  /**
   * Returns the operations for the next update. Call {@link applied} or {@link uncertain} afterwards.
   *
   * @param isTentative whether joins are tentative now, after a data loss
   */
  takeOperations(userId: string, isTentative: boolean): PresenceOperation[] {
    const flags = this.get(userId);
    const is = (flag: number): boolean => (flags & flag) !== 0;
    this.set(userId, flags & ~ARRIVED);
    const join = isTentative || is(TENTATIVE) ? 'hold' : 'join';
    if (is(CONNECTED)) {
      if (is(REGISTERED)) return [];
      const wasOnline = is(KNOWN) || (is(DEPARTED) && is(LOST));
      return wasOnline && !is(TENTATIVE) ? ['restore'] : [join];
    }
    if (is(KNOWN | REGISTERED | DEPARTED)) return is(LOST) ? ['gone'] : ['leave'];
    // A visit between two updates is still a visit.
    return is(ARRIVED) ? [join, 'leave'] : [];
  }

  /** The store has applied these operations. */
  applied(userId: string, operations: readonly PresenceOperation[]): void {
    const last = operations.at(-1);
    if (last === undefined) return;
    const tentative = operations.includes('hold') ? TENTATIVE : 0;
    const flags = (this.get(userId) & ~LOST) | tentative;
    if (last === 'leave' || last === 'gone') {
      this.set(userId, (flags & ~(KNOWN | REGISTERED)) | DEPARTED);
    } else {
      this.set(userId, (flags & ~DEPARTED) | KNOWN | REGISTERED);
    }
  }

  /** The store may have applied these operations or not. */
  uncertain(userId: string, operations: readonly PresenceOperation[]): void {
    const [first] = operations;
    const flags = this.get(userId);
    if (first === 'join' || first === 'hold') this.set(userId, flags | ARRIVED);
    // If the user returns now, the store may still have the user, or not.
    if (first === 'leave' || first === 'gone') {
      this.set(userId, (flags & ~(KNOWN | REGISTERED)) | DEPARTED);
    }
  }

  /** The tentative join of a user is over: the user is online. */
  confirmed(userId: string): void {
    this.set(userId, this.get(userId) & ~TENTATIVE);
  }

  /** The grace period of a user is over, or another instance has the user. */
  settled(userId: string): void {
    this.set(userId, this.get(userId) & ~DEPARTED);
  }

  /** Prepares all users for another update: the store may have missed earlier ones, or has lost its data. */
  unconfirm(storeLostData: boolean): void {
    for (const [userId, flags] of this.users) {
      if (storeLostData && (flags & TENTATIVE) !== 0) {
        // The join was never reported, so the user joins again.
        this.set(userId, (flags & CONNECTED) | ARRIVED);
        continue;
      }
      const lost = storeLostData && (flags & (KNOWN | DEPARTED)) !== 0;
      this.set(userId, (flags & ~REGISTERED) | (lost ? LOST : 0));
    }
  }

  /** Other instances have given this one up, and its users left the store. */
  givenUp(): void {
    for (const [userId, flags] of this.users) this.set(userId, flags & (CONNECTED | ARRIVED));
  }

  private get(userId: string): number {
    return this.users.get(userId) ?? 0;
  }

  private set(userId: string, flags: number): void {
    if ((flags & ~(LOST | TENTATIVE)) === 0) this.users.delete(userId);
    else this.users.set(userId, flags);
  }
}
