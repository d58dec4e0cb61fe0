import type { Socket } from 'socket.io';
import type { AuthenticatedIdentity } from './auth-options.js';

/** Options of presence: which users are online. */
export interface PresenceOptions {
  /**
   * The grace period: how long a user stays online after the last socket has left, in ms. A user who comes back
   * within it was never offline.
   * @default 5000
   */
  graceMs?: number | undefined;
  /**
   * The lease: how long Redis waits for a sign of life of an instance, in ms, until the other instances remove its
   * users, as after a crash or a freeze. At least twice `heartbeatIntervalMs`.
   * @default the option `memberTimeoutMs`
   */
  leaseMs?: number | undefined;
  /**
   * How long the time when a user was last seen is stored, in ms. 0: not at all.
   * @default 2592000000 (30 days)
   */
  lastSeenMs?: number | undefined;
  /**
   * Which of these users a client may watch (`usePresence` and `watchPresence` of nestjs-redis-propagator-client): all
   * (`true`), none (`false`), or the ones in a list. Called for each request of a client, with all users that it wants to
   * watch from then on. Without this option no client may watch any user. If it throws, or takes longer than 5 s, the
   * client is refused and tries again later.
   * @default undefined
   */
  canWatch?: CanWatch | undefined;
  /**
   * The maximum number of users that one socket may watch. It goes with `canWatch`.
   * @default 200
   */
  maxWatchedUsers?: number | undefined;
}

/** The option `presence.canWatch`. */
export type CanWatch = (
  watcher: AuthenticatedIdentity,
  userIds: readonly string[],
  socket: Socket,
) => WatchPermission | Promise<WatchPermission>;

/** The users that a client may watch: all that it asked for, none, or the ones in a list. */
export type WatchPermission = boolean | Iterable<string | number | bigint>;
