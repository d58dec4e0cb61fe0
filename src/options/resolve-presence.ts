import { invalid, misused, OR_NONE, optionsIn, wholeNumber } from './checks.js';
import type { CanWatch, PresenceOptions } from './presence-options.js';

/** @internal */
export interface ResolvedPresenceOptions extends Readonly<
  Required<Omit<PresenceOptions, 'canWatch'>>
> {
  /** Undefined: no client may watch any user. */
  readonly canWatch: CanWatch | undefined;
  /** The interval at which an instance renews its lease, in ms: with each heartbeat. */
  readonly heartbeatIntervalMs: number;
}

const KNOWN = ['graceMs', 'leaseMs', 'lastSeenMs', 'canWatch', 'maxWatchedUsers'] as const;
const DAY_MS = 24 * 3_600_000;

/** Undefined if presence is switched off. @internal */
export function resolvePresence(
  given: unknown,
  {
    heartbeatIntervalMs,
    memberTimeoutMs,
  }: { readonly heartbeatIntervalMs: number; readonly memberTimeoutMs: number },
): ResolvedPresenceOptions | undefined {
  if (given === false) return undefined;
  const presence = optionsIn<PresenceOptions>('presence', given, KNOWN, OR_NONE);
  const leaseMs = wholeNumber(
    'presence.leaseMs',
    presence.leaseMs,
    memberTimeoutMs,
    [1, 3_600_000],
  );
  if (leaseMs < 2 * heartbeatIntervalMs) {
    throw invalid(
      'presence.leaseMs',
      leaseMs,
      `Write at least twice heartbeatIntervalMs (${heartbeatIntervalMs}), or one late heartbeat ends the lease.`,
    );
  }
  const { canWatch } = presence;
  if (canWatch !== undefined && typeof canWatch !== 'function') {
    const remedy = 'Write a function, such as (watcher, userIds) => friendsOf(watcher.userId).';
    throw invalid('presence.canWatch', canWatch, remedy);
  }
  const maxWatchedUsers = wholeNumber(
    'presence.maxWatchedUsers',
    presence.maxWatchedUsers,
    200,
    [1, 10_000],
  );
  if (canWatch === undefined && presence.maxWatchedUsers !== undefined) {
    const remedy = 'No client may watch a user then: add presence.canWatch.';
    throw misused('presence.maxWatchedUsers', `${maxWatchedUsers} without "canWatch"`, remedy);
  }
  return Object.freeze({
    graceMs: wholeNumber('presence.graceMs', presence.graceMs, 5_000, [0, 3_600_000]),
    leaseMs,
    lastSeenMs: wholeNumber('presence.lastSeenMs', presence.lastSeenMs, 30 * DAY_MS, [
      0,
      3_650 * DAY_MS,
    ]),
    canWatch,
    maxWatchedUsers,
    heartbeatIntervalMs,
  });
}
