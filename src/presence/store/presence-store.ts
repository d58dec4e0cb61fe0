import type { PresenceChange } from './presence-change.js';

/** An instance as the store knows it: its id and a number, which is another one after it was given up. @internal */
export type Owner = string;

/** The id of the instance that an owner is. @internal */
export function instanceOf(owner: Owner): string {
  return owner.split('.', 1)[0] ?? owner;
}

/**
 * What an instance says of a user in the store.
 *
 * - `join`: has a socket here. Nobody else has one: the user came online.
 * - `restore`: as `join`, for a user who has been online all the while, whether the store knows or not.
 * - `hold`: as `join`, while the other instances are still putting back what the store lost: whether that user was
 *   online is known when they have had the time.
 * - `leave`: has no socket here any more. Nor elsewhere: offline after the grace period.
 * - `gone`: as `leave`, for a user whom the store may have lost.
 *
 * @internal
 */
export type PresenceOperation = 'join' | 'restore' | 'hold' | 'leave' | 'gone';

/** @internal */
export interface PresenceStep {
  readonly operation: PresenceOperation;
  readonly userId: string;
}

/** The right to say something in the store: who has not renewed it in time is given up. @internal */
export interface Lease {
  readonly owner: Owner;
  /** ms since 1970, on the store's clock. */
  readonly until: number;
  /** What comes late over an earlier connection has no effect. See {@link PresenceStore.connection}. */
  readonly connection: number;
  /** See {@link BeatAnswer.holdUntil}. */
  readonly holdUntil?: number;
}

/** @internal */
export interface Beat {
  readonly owner: Owner;
  /** What the store called its data when this instance last heard of it; undefined for the first time. */
  readonly data: string | undefined;
  /** Until when others whose lease has ended may be given up, on the store's clock: 0 for never. */
  readonly claimUntil: number;
  /** Dead owners whose users this instance is looking after: nobody else has to. */
  readonly sweeping?: readonly Owner[];
  /**
   * Whether somebody listens to what it reports. While there are such instances, and for two leases after that, dead
   * owners are theirs to look after.
   */
  readonly isHeard?: boolean;
}

/** @internal */
export interface BeatAnswer {
  /**
   * - `held`: renewed
   * - `lost`: renewed, and the store has lost its data since
   * - `swept`: given up in the meantime; to be begun anew under another name
   */
  readonly state: 'held' | 'lost' | 'swept';
  readonly until: number;
  /** ms since 1970, on the store's clock. */
  readonly now: number;
  /** Another name after the store has lost its data. */
  readonly data: string;
  /**
   * Until when the instances may be putting back what the store has lost, on its clock: who is not there may be online
   * all the same. Only for so long after a loss.
   */
  readonly holdUntil?: number;
  /** Owners whose users this instance has to look after: see {@link PresenceStore.sweep}. */
  readonly dead: readonly Owner[];
}

/** @internal */
export interface UpdateFlags {
  /**
   * One more for each update of this owner in this bucket: one that was done, and whose answer was lost, is not done
   * again.
   */
  readonly number?: number;
  /** Whether all that was handed out to this owner, and not confirmed, is to be handed out again. Default: it is. */
  readonly redeliver?: boolean;
}

/** @internal */
export interface Updated {
  /**
   * `expired`: nothing was done, the lease has ended. `stale`: nor here, it came over an earlier connection, or the owner
   * has resigned.
   */
  readonly state: 'done' | 'expired' | 'stale';
  readonly now: number;
  /**
   * Handed out to this owner to be reported, now or before. They are handed out again until
   * {@link PresenceStore.acknowledge} says that they have come; after the owner's end to the one that sweeps.
   */
  readonly changes: readonly PresenceChange[];
}

/** @internal */
export interface DueResult extends Updated {
  /** When the next one is due, on the store's clock. */
  readonly nextAt: number | undefined;
}

/** @internal */
export interface Swept extends DueResult {
  /** Where to go on; undefined at the end. */
  readonly cursor: string | undefined;
}

/** What is known of a user. @internal */
export interface UserPresence {
  readonly online: boolean;
  readonly status: string | null;
  readonly lastSeen: number | null;
}

/** A socket of a user, for the limit. @internal */
export interface CountedSocket {
  readonly userId: string;
  readonly socketId: string;
}

/** @internal */
export interface SocketToAdmit extends CountedSocket {
  /** How many sockets the user may have, this one included. */
  readonly limit: number;
  readonly policy: LimitPolicy;
}

/** @internal */
export interface SocketAdmission {
  readonly admitted: boolean;
  /** Sockets that have to go for it. */
  readonly evicted: readonly string[];
}

/** What happens to a user's sockets beyond the limit. `count-only`: nothing. @internal */
export type LimitPolicy = 'reject-new' | 'disconnect-oldest' | 'count-only';

/**
 * Where it is kept who is online. Each call changes or reads one bucket as a whole. All of them may reject with a
 * `PropagatorError`: whether something was done is unknown then.
 *
 * @internal
 */
export interface PresenceStore {
  /** One more for each connection that was lost: what was sent before may arrive later than what is sent now. */
  readonly connection: number;
  /**
   * Rejects where it is certain that this instance is not let.
   *
   * @throws PropagatorError `redis.permission`, `redis.command-failed`
   */
  verify(): Promise<void>;
  beat(beat: Beat): Promise<BeatAnswer>;
  /** The owner ends; others look after its users at once. */
  resign(owner: Owner): Promise<void>;
  update(
    bucket: number,
    lease: Lease,
    steps: readonly PresenceStep[],
    told?: UpdateFlags,
  ): Promise<Updated>;
  /**
   * Reports what has become due: a user whose grace period is over, say.
   *
   * @param redeliver as in {@link UpdateFlags}
   */
  processDue(bucket: number, lease: Lease, redeliver?: boolean): Promise<DueResult>;
  /** These have come to the owner, and are not handed out again. */
  acknowledge(bucket: number, owner: Owner, changes: readonly PresenceChange[]): Promise<void>;
  /** Takes a part of a dead owner's users off it. */
  sweep(bucket: number, lease: Lease, dead: Owner, cursor: string | undefined): Promise<Swept>;
  /** A dead owner has no users any more. */
  sweepFinished(dead: Owner): Promise<void>;
  read(bucket: number, userIds: readonly string[]): Promise<UserPresence[]>;
  /** False where the user is offline. */
  setStatus(
    bucket: number,
    userId: string,
    status: string | null,
    reporter: Owner,
  ): Promise<{ readonly online: boolean; readonly change: PresenceChange | undefined }>;
  /** Users of a bucket in the order of their ids, after one of them. */
  page(bucket: number, after: string | undefined, limit: number): Promise<string[]>;
  count(bucket: number): Promise<number>;
  /** Counts a socket of a user, unless there are too many. Undefined where this instance has no say (any more). */
  admitSocket(
    bucket: number,
    lease: Lease,
    socket: SocketToAdmit,
  ): Promise<SocketAdmission | undefined>;
  releaseSocket(bucket: number, lease: Lease, socket: CountedSocket): Promise<void>;
  /** Ends what was made for it; nothing is called any more. */
  close(): void;
}
