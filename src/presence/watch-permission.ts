import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import { normalisedUserId } from '../auth/user-id.js';
import { reasonOf } from '../errors.js';
import { shown } from '../options/checks.js';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { CanWatch, WatchPermission } from '../options/presence-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { TIMED_OUT, withinTime } from '../reporting/timers.js';
import type { PresenceWatchResult } from './watch-protocol.js';

const PERMISSION_MS = 5_000;
/** One request in this time, and several at once, such as those of a page that is built up. */
const REQUEST_MS = 500;
const REQUESTS_AT_ONCE = 10;

/** How often a client has sent requests. @internal */
export interface RequestRate {
  /** True until the last request is answered. */
  isBusy: boolean;
  /** When requests may come as often as at first again, in monotonic time. */
  restedAt: number;
}

/** Counts a request. Returns 0 if it is allowed, otherwise the ms until the next one is. @internal */
export function takeRequest(rate: RequestRate): number {
  if (rate.isBusy) return REQUEST_MS;
  const now = performance.now();
  const restedAt = Math.max(now, rate.restedAt) + REQUEST_MS;
  const tooEarlyMs = Math.ceil(restedAt - now - REQUESTS_AT_ONCE * REQUEST_MS);
  if (tooEarlyMs > 0) return tooEarlyMs;
  rate.restedAt = restedAt;
  return 0;
}

/**
 * Why there is no permission: the app refuses all users, the socket has another user by now, or the function of the app fails.
 *
 * @internal
 */
export type NoPermission = 'refused' | 'other-user' | { readonly failure: string };

/** The users that a client wants to watch. @internal */
export interface WantedUsers {
  /** Each once. */
  readonly userIds: readonly string[];
  /** The number of ids that no user can have, such as one that is too long. */
  readonly impossible: number;
}

/** Why a request is invalid. @internal */
export interface InvalidRequest {
  readonly problem: string;
  readonly maxUsers?: number;
}

/** Reads the argument of a request: a list of texts and numbers. @internal */
export function usersWanted(
  given: unknown,
  maxUsers: number,
  maxBytes: number,
): WantedUsers | InvalidRequest {
  if (Array.isArray(given) && given.length > maxUsers) {
    const problem = `${given.length} users, more than presence.maxWatchedUsers (${maxUsers})`;
    return { problem, maxUsers };
  }
  if (!Array.isArray(given) || !given.every(isIdLike)) {
    return { problem: `no list of user ids: ${shown(given)}` };
  }
  const userIds = new Set<string>();
  let impossible = 0;
  for (const one of given as unknown[]) {
    const userId = normalisedUserId(one);
    if (userId === undefined || Buffer.byteLength(userId) > maxBytes) impossible++;
    else userIds.add(userId);
  }
  return { userIds: [...userIds], impossible };
}

/** A parser of the app may decode a number as a bigint. */
function isIdLike(given: unknown): boolean {
  return ['string', 'number', 'bigint'].includes(typeof given);
}

/**
 * Asks the app which of these users a client may watch. An answer that is no {@link WatchPermission} permits none. Never
 * rejects.
 *
 * @internal
 */
export async function permittedOf(
  canWatch: CanWatch,
  watcher: AuthenticatedIdentity,
  userIds: readonly string[],
  socket: AuthenticatedSocket,
  timeoutMs = PERMISSION_MS,
): Promise<readonly string[] | NoPermission> {
  try {
    const asked = canWatch(watcher, Object.freeze([...userIds]), socket as never);
    const found = await withinTime(asked, timeoutMs);
    if (found === TIMED_OUT) return { failure: `it took longer than ${timeoutMs} ms` };
    const permission = permissionIn(found);
    if (permission === true) return userIds;
    if (permission === false) return 'refused';
    return userIds.filter((userId) => permission.has(userId));
  } catch (error) {
    return { failure: reasonOf(error) };
  }
}

/** The acknowledgement of a request without a permission. @internal */
export function unpermitted(
  reporter: Pick<Reporter, 'count' | 'report'>,
  reason: NoPermission,
): PresenceWatchResult {
  if (typeof reason === 'string') {
    const code = 'presence.watch-refused';
    reporter.count(code);
    return { ok: false, code, ...(reason === 'other-user' && { retryAfterMs: REQUEST_MS }) };
  }
  reporter.report('presence.watch-failed', () => `presence.canWatch: ${reason.failure}`);
  const retryAfterMs = Math.round(1_000 + Math.random() * 4_000);
  return { ok: false, code: 'presence.watch-failed', retryAfterMs };
}

/** @throws TypeError for anything but a boolean or a list of user ids */
function permissionIn(given: unknown): boolean | ReadonlySet<string> {
  if (typeof given === 'boolean') return given;
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) {
    throw new TypeError(`it returned ${shown(given)}, and not true, false or a list of user ids`);
  }
  const userIds = new Set<string>();
  for (const one of given as Exclude<WatchPermission, boolean>) {
    const userId = normalisedUserId(one);
    if (userId !== undefined) userIds.add(userId);
  }
  return userIds;
}
