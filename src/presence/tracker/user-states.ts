import type { PresenceOperation } from '../store/presence-store.js';

/** Has a socket here. */
const HERE = 1;
/** Came, and the store has not been told. */
const CAME = 2;
/** The cluster takes this user for online because of this instance, or so we told it. */
const KNOWN = 4;
/** The store has confirmed so, on this connection. */
const REGISTERED = 8;
/** Went, the store has been told, and what follows from that may not have been reported yet. */
const DEPARTED = 16;
/** The store has lost its data since. */
const LOST = 32;
/** It is not certain yet that the cluster takes this user for online: see `hold`. */
const HELD = 64;

/**
 * What this instance knows of its users in a bucket, and what the store has to be told of each to agree. A few bits a user: there
 * may be very many.
 *
 * @internal
 */
export class UserStates {
  private readonly users = new Map<string, number>();

  get size(): number {
    return this.users.size;
  }

  /** All users of whom there is something to know. */
  ids(): IterableIterator<string> {
    return this.users.keys();
  }

  came(userId: string): void {
    this.set(userId, this.get(userId) | HERE | CAME);
  }

  went(userId: string): void {
    this.set(userId, this.get(userId) & ~HERE);
  }

  /** What the store has to be told; from now on it counts as told. */
  take(userId: string, holding: boolean): PresenceOperation[] {
    const flags = this.get(userId);
    const is = (flag: number): boolean => (flags & flag) !== 0;
    this.set(userId, flags & ~CAME);
    const join = holding || is(HELD) ? 'hold' : 'join';
    if (is(HERE)) {
      if (is(REGISTERED)) return [];
      const wasOnline = is(KNOWN) || (is(DEPARTED) && is(LOST));
      return wasOnline && !is(HELD) ? ['restore'] : [join];
    }
    if (is(KNOWN | REGISTERED | DEPARTED)) return is(LOST) ? ['gone'] : ['leave'];
    // Came and went before the store could be told: that was a visit all the same.
    return is(CAME) ? [join, 'leave'] : [];
  }

  /** The store was told. */
  told(userId: string, operations: readonly PresenceOperation[]): void {
    const last = operations.at(-1);
    if (last === undefined) return;
    const held = operations.includes('hold') ? HELD : 0;
    const flags = (this.get(userId) & ~LOST) | held;
    if (last === 'leave' || last === 'gone') {
      this.set(userId, (flags & ~(KNOWN | REGISTERED)) | DEPARTED);
    } else {
      this.set(userId, (flags & ~DEPARTED) | KNOWN | REGISTERED);
    }
  }

  /** It is unknown whether the store was told. */
  untold(userId: string, operations: readonly PresenceOperation[]): void {
    const [first] = operations;
    const flags = this.get(userId);
    if (first === 'join' || first === 'hold') this.set(userId, flags | CAME);
    // Who comes back now may have gone for the store, or not.
    if (first === 'leave' || first === 'gone') {
      this.set(userId, (flags & ~(KNOWN | REGISTERED)) | DEPARTED);
    }
  }

  /** By now it is certain that the user came online. */
  certain(userId: string): void {
    this.set(userId, this.get(userId) & ~HELD);
  }

  /** What follows from the user's going has been reported. */
  settled(userId: string): void {
    this.set(userId, this.get(userId) & ~DEPARTED);
  }

  /** All has to be confirmed anew. */
  unconfirm(storeLostData: boolean): void {
    for (const [userId, flags] of this.users) {
      if (storeLostData && (flags & HELD) !== 0) {
        // Of that nobody was told.
        this.set(userId, (flags & HERE) | CAME);
        continue;
      }
      const lost = storeLostData && (flags & (KNOWN | DEPARTED)) !== 0;
      this.set(userId, (flags & ~REGISTERED) | (lost ? LOST : 0));
    }
  }

  /** The others have taken this instance's users off it. */
  givenUp(): void {
    for (const [userId, flags] of this.users) this.set(userId, flags & (HERE | CAME));
  }

  private get(userId: string): number {
    return this.users.get(userId) ?? 0;
  }

  private set(userId: string, flags: number): void {
    if ((flags & ~(LOST | HELD)) === 0) this.users.delete(userId);
    else this.users.set(userId, flags);
  }
}
