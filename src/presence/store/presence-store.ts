/*
 * The states of one user, for all instances together:
 *
 *             join: reports `online`             `leave` or `gone` of the last instance, or its sweep
 *   offline ─────────────────────────► online ────────────────────────────────────────────────► grace
 *    ▲   │                              ▲   ▲                                                    │  │
 *    │   │ hold                         │   └─── join, restore, hold: not reported ──────────────┘  │
 *    │   ▼                              │                                                           │
 *    │  tentative ──────────────────────┘                                                           │
 *    │     restore: not reported; time is up: reports `online`                                      │
 *    └── grace period is over: reports `offline` ───────────────────────────────────────────────────┘
 *
 * The operations are those of {@link PresenceOperation}. `processDue` makes the two transitions by time.
 *
 * - grace: {@link graceEnd} in grace-period.ts has the rule "offline after `graceMs`".
 * - tentative: only after Redis has lost its data, for the length of a lease. The user may have been online before, on an
 *   instance that has not restored its users yet. A tentative user who leaves becomes online first, then grace.
 * - `restore` takes an offline user online without a report, `gone` takes one to grace: the store had lost the user. If it
 *   has reported the user offline since the loss, `restore` reports `online`, and `gone` does nothing.
 */
import type { PresenceChange } from './presence-change.js';

/** An instance in the store: its id and a number. An instance that was given up gets another number. @internal */
export type Owner = string;

/** The instance id of an owner. @internal */
export function instanceOf(owner: Owner): string {
  return owner.split('.', 1)[0] ?? owner;
}

/**
 * One step of an update: the state of a user on the calling instance.
 *
 * - `join`: the user has a socket on this instance. If on no other, the user comes online.
 * - `restore`: like `join`, for a user who was online before, even if the store has lost the user.
 * - `hold`: like `join` after a data loss, while other instances may still have to restore the user: the join is tentative.
 * - `leave`: the user has no socket on this instance. If on no other, the grace period starts.
 * - `gone`: like `leave`, for a user whom the store may have lost.
 *
 * @internal
 */
export type PresenceOperation = 'join' | 'restore' | 'hold' | 'leave' | 'gone';

/** @internal */
export interface PresenceStep {
  readonly operation: PresenceOperation;
  readonly userId: string;
}

/** The right of an instance to change the store. Without a renewal in time the other instances give it up. @internal */
export interface Lease {
  readonly owner: Owner;
  /** The end of the lease in ms since 1970, on the store's clock. */
  readonly until: number;
  /** Calls that arrive late over an earlier connection have no effect: see {@link PresenceStore.connection}. */
  readonly connection: number;
  /** See {@link BeatAnswer.tentativeUntil}. */
  readonly tentativeUntil?: number;
}

/** @internal */
export interface Beat {
  readonly owner: Owner;
  /** The data id of the last reply; undefined for the first beat. */
  readonly data: string | undefined;
  /** Until when this call may give up instances with an expired lease, in ms on the store's clock. 0: never. */
  readonly claimUntil: number;
  /** Dead owners that this instance is sweeping: the store assigns them to no other. */
  readonly sweeping?: readonly Owner[];
  /**
   * Whether the app is subscribed to the changes of this instance. The store assigns dead owners only to instances with a
   * subscriber, unless there has been none for two leases.
   */
  readonly hasSubscriber?: boolean;
}

/** @internal */
export interface BeatAnswer {
  /**
   * - `held`: renewed
   * - `lost`: renewed, and the store has lost its data since the last beat
   * - `swept`: given up by another instance; this one continues under a new name
   */
  readonly state: 'held' | 'lost' | 'swept';
  /** The end of the lease in ms since 1970, on the store's clock. */
  readonly until: number;
  /** ms since 1970, on the store's clock. */
  readonly now: number;
  /** The id of the store's data; a different one after a data loss. */
  readonly data: string;
  /**
   * The end of the tentative joins, in ms on the store's clock. Only after a data loss, while instances may still be
   * restoring users.
   */
  readonly tentativeUntil?: number;
  /** Dead owners that this instance has to sweep: see {@link PresenceStore.sweep}. */
  readonly dead: readonly Owner[];
}

/** @internal */
export interface UpdateFlags {
  /**
   * Counts the updates of this owner in this bucket. A number that was applied before is not applied again: its reply was
   * lost.
   */
  readonly number?: number;
  /** Whether to redeliver the unacknowledged changes of this owner. @default true */
  readonly redeliver?: boolean;
}

/** @internal */
export interface Updated {
  /**
   * `expired`: no effect, because the lease has ended. `stale`: no effect, because the call came over an earlier
   * connection, or the owner has resigned.
   */
  readonly state: 'done' | 'expired' | 'stale';
  /** ms since 1970, on the store's clock. */
  readonly now: number;
  /**
   * Changes that this owner has to report. They are redelivered until {@link PresenceStore.acknowledge}; after the end of
   * the owner, to the owner that sweeps it.
   */
  readonly changes: readonly PresenceChange[];
}

/** @internal */
export interface DueResult extends Updated {
  /** The next end of a grace period or tentative join, in ms on the store's clock. */
  readonly nextAt: number | undefined;
}

/** @internal */
export interface Swept extends DueResult {
  /** The position of the next call; undefined at the end. */
  readonly cursor: string | undefined;
}

/** @internal */
export interface UserPresence {
  readonly online: boolean;
  readonly status: string | null;
  /** ms since 1970; now for an online user. */
  readonly lastSeen: number | null;
}

/** A socket that counts for the socket limit. @internal */
export interface CountedSocket {
  readonly userId: string;
  readonly socketId: string;
}

/** @internal */
export interface SocketToAdmit extends CountedSocket {
  /** The maximum number of sockets of the user, including this one. */
  readonly limit: number;
  readonly policy: LimitPolicy;
}

/** @internal */
export interface SocketAdmission {
  readonly admitted: boolean;
  /** Ids of older sockets that have to be disconnected. */
  readonly evicted: readonly string[];
}

/** The action above the limit. `count-only`: count the socket in any case. @internal */
export type LimitPolicy = 'reject-new' | 'disconnect-oldest' | 'count-only';

/**
 * The port to the presence data. Each call reads or changes one bucket atomically. A call that rejects with a
 * `PropagatorError` may have been applied or not.
 *
 * @internal
 */
export interface PresenceStore {
  /** Counts lost connections. Calls sent over an earlier connection may arrive after later ones. */
  readonly connection: number;
  /**
   * Checks the permissions of this instance.
   *
   * @throws PropagatorError `redis.permission`, `redis.command-failed`
   */
  verify(): Promise<void>;
  /** Renews the lease of an owner. */
  beat(beat: Beat): Promise<BeatAnswer>;
  /** Ends the lease of an owner, so that another instance sweeps it at once. */
  resign(owner: Owner): Promise<void>;
  /** Applies steps in order. */
  update(
    bucket: number,
    lease: Lease,
    steps: readonly PresenceStep[],
    flags?: UpdateFlags,
  ): Promise<Updated>;
  /**
   * Ends the grace periods and tentative joins that are due.
   *
   * @param redeliver as in {@link UpdateFlags}
   */
  processDue(bucket: number, lease: Lease, redeliver?: boolean): Promise<DueResult>;
  /** The owner has reported these changes: they are not redelivered. */
  acknowledge(bucket: number, owner: Owner, changes: readonly PresenceChange[]): Promise<void>;
  /** Removes a dead owner from some of its users. */
  sweep(bucket: number, lease: Lease, dead: Owner, cursor: string | undefined): Promise<Swept>;
  /** Marks a dead owner as swept in all buckets. */
  sweepFinished(dead: Owner): Promise<void>;
  read(bucket: number, userIds: readonly string[]): Promise<UserPresence[]>;
  /** `online` is false for an offline user, and nothing is set. */
  setStatus(
    bucket: number,
    userId: string,
    status: string | null,
    reporter: Owner,
  ): Promise<{ readonly online: boolean; readonly change: PresenceChange | undefined }>;
  /** Online users of a bucket in byte order, after `after`. */
  page(bucket: number, after: string | undefined, limit: number): Promise<string[]>;
  count(bucket: number): Promise<number>;
  /** Counts a socket of a user, up to the limit. Undefined if the lease has ended. */
  admitSocket(
    bucket: number,
    lease: Lease,
    socket: SocketToAdmit,
  ): Promise<SocketAdmission | undefined>;
  releaseSocket(bucket: number, lease: Lease, socket: CountedSocket): Promise<void>;
  /** Releases resources. No other call follows. */
  close(): void;
}
