/** A user of the cluster came online, went offline, or has a new status. */
export interface PresenceChange {
  readonly type: 'online' | 'offline' | 'status';
  readonly userId: string;
  /** The status set by `setStatus`. Null for none, and always null for `online` and `offline`. */
  readonly status: string | null;
  /** The time of the change in ms since 1970, on the clock of Redis. */
  readonly at: number;
  /** The id of the instance that reports the change. */
  readonly instanceId: string;
}

/** One page of the online users. */
export interface OnlineUsers {
  readonly userIds: readonly string[];
  /** The cursor of the next page; null on the last page. */
  readonly cursor: string | null;
}
