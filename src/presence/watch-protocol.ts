/** The event with which a client watches users, in place of those before: `socket.emit('propagator:watch', userIds, ack)`. */
export const WATCH_EVENT = 'propagator:watch';

/** A user that a client watches. */
export interface WatchedPresence {
  readonly userId: string;
  readonly online: boolean;
  /** The status set by `setStatus`; null for none. */
  readonly status: string | null;
}

/** The data of `propagator:presence`: only the users that have changed. */
export interface PresenceNotice {
  readonly users: readonly WatchedPresence[];
  /** Set if the socket has another user by now, or none: it watches nobody until its client sends a request again. */
  readonly ended?: PresenceWatchCode;
}

/** Why a client watches no user. */
export type PresenceWatchCode =
  | 'presence.watch-off'
  | 'presence.watch-refused'
  | 'presence.watch-invalid'
  | 'presence.watch-too-often'
  | 'presence.watch-failed';

/** The acknowledgement of `propagator:watch`. */
export type PresenceWatchResult =
  | {
      readonly ok: true;
      /** The permitted users. One whose state is not known yet follows in `propagator:presence`. */
      readonly users: readonly WatchedPresence[];
    }
  | {
      readonly ok: false;
      readonly code: PresenceWatchCode;
      /** When to retry, if that may help. */
      readonly retryAfterMs?: number;
      /** How many users may be watched, if there were more. */
      readonly maxUsers?: number;
    };
