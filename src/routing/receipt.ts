/** What is known once Redis has taken an event. */
export interface PublishedReceipt {
  /** Sockets of this instance that it was written to. */
  readonly localSockets: number;
  /** Other instances that Redis handed it to: those that have a socket of the user, the room or the namespace. */
  readonly remoteInstances: number;
  /** Whether anybody was there. False for a user means offline: send the push notification instead. */
  readonly reached: boolean;
  /** Absent: the event does not wait. */
  readonly queued?: false;
}

/**
 * What is known of an event that Redis could not take within `publishTimeoutMs`. It waits in the outbox, and is
 * published when Redis is back. If it is lost all the same, `RedisPropagatorService.losses$` emits.
 */
export interface QueuedReceipt {
  /** Sockets of this instance that it was written to. */
  readonly localSockets: number;
  /** Unknown as yet. */
  readonly remoteInstances: null;
  /** Unknown as yet: compare with `=== false` before you treat a user as offline. */
  readonly reached: null;
  readonly queued: true;
}

/** What is known once an event is published, or waits for Redis. */
export type Receipt = PublishedReceipt | QueuedReceipt;

/** The receipt for several users: the sums, and each user's own. Queued if the event waits for any of them. */
export type UsersReceipt = Receipt & {
  /** User id (as a string) to receipt. */
  readonly users: ReadonlyMap<string, Receipt>;
};

/** @param remoteInstances undefined: the event waits for Redis @internal */
export function receiptOf(localSockets: number, remoteInstances: number | undefined): Receipt {
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
