/** What is known once an event is published. */
export interface Receipt {
  /** Sockets of this instance that it was written to. */
  readonly localSockets: number;
  /** Other instances that Redis handed it to: those that have a socket of the user, the room or the namespace. */
  readonly remoteInstances: number;
  /** Whether anybody was there. False for a user means offline: send the push notification instead. */
  readonly reached: boolean;
}

/** The receipt for several users: the sums, and each user's own. */
export interface UsersReceipt extends Receipt {
  /** User id (as a string) to receipt. */
  readonly users: ReadonlyMap<string, Receipt>;
}

/** @internal */
export function receiptOf(localSockets: number, remoteInstances: number): Receipt {
  return Object.freeze({
    localSockets,
    remoteInstances,
    reached: localSockets > 0 || remoteInstances > 0,
  });
}
