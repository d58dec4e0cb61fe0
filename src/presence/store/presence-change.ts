/** A user of the cluster came, went, or has another status. */
export interface PresenceChange {
  readonly type: 'online' | 'offline' | 'status';
  readonly userId: string;
  /** What `setStatus` set; null without one, and always for a user that came or went. */
  readonly status: string | null;
  /** ms since 1970, on Redis' clock. */
  readonly at: number;
  /** The instance that reports it. */
  readonly instanceId: string;
}

/** A part of a list that may be long. */
export interface OnlineUsers {
  readonly userIds: readonly string[];
  /** Where to go on; null at the end. */
  readonly cursor: string | null;
}
