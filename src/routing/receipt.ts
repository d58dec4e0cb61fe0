/** The receipt of an event that Redis has taken. */
export interface PublishedReceipt {
  /** Sockets of this instance that it was written to. */
  readonly localSockets: number;
  /** Other instances that received it: those with a socket of the user, the room or the namespace. */
  readonly remoteInstances: number;
  /** Whether it reached a socket. False for a user: none in this namespace; `PresenceService` knows who is offline. */
  readonly reached: boolean;
  /** Absent, because the event does not wait. */
  readonly queued?: false;
}

/**
 * The receipt of an event that Redis could not take within `publishTimeoutMs`. The event waits in the outbox, and is
 * published when Redis is back. If it is lost after all, `RedisPropagatorService.losses$` emits.
 */
export interface QueuedReceipt {
  /** Sockets of this instance that it was written to. */
  readonly localSockets: number;
  /** Not known yet. */
  readonly remoteInstances: null;
  /** Not known yet: `!reached` is also true for it. */
  readonly reached: null;
  readonly queued: true;
}

/** The result of an event that is published, or waits for Redis. */
export type Receipt = PublishedReceipt | QueuedReceipt;

/** The receipt for several users: the sums, and the receipt of each user. Queued if the event waits for any of them. */
export type UsersReceipt = Receipt & {
  /** The receipt of each user, by user id (a string). */
  readonly users: ReadonlyMap<string, Receipt>;
};

/** The receipts with both numbers below this are made once. */
const MAX_SHARED = 8;
const shared: (Receipt | undefined)[] = [];

/** @param remoteInstances undefined if the event waits for Redis @internal */
export function receiptOf(localSockets: number, remoteInstances: number | undefined): Receipt {
  return remoteInstances !== undefined && localSockets < MAX_SHARED && remoteInstances < MAX_SHARED
    ? (shared[localSockets * MAX_SHARED + remoteInstances] ??= made(localSockets, remoteInstances))
    : made(localSockets, remoteInstances);
}

function made(localSockets: number, remoteInstances: number | undefined): Receipt {
  if (remoteInstances === undefined) {
    return Object.freeze({ localSockets, remoteInstances: null, reached: null, queued: true });
  }
  return Object.freeze({
    localSockets,
    remoteInstances,
    reached: localSockets > 0 || remoteInstances > 0,
  });
}

/** @internal */
export function usersReceiptOf(users: ReadonlyMap<string, Receipt>): UsersReceipt {
  let localSockets = 0;
  let remoteInstances: number | undefined = 0;
  for (const receipt of users.values()) {
    localSockets += receipt.localSockets;
    if (receipt.queued === true) remoteInstances = undefined;
    else if (remoteInstances !== undefined) remoteInstances += receipt.remoteInstances;
  }
  return Object.freeze({ ...receiptOf(localSockets, remoteInstances), users });
}
