import {
  resolvePresence,
  type ResolvedPresenceOptions,
} from '../../../src/options/resolve-presence.js';

/** Resolved options of presence: the defaults of the library, and the options that a test sets. */
export function presenceOptions(
  given: Partial<ResolvedPresenceOptions> = {},
): ResolvedPresenceOptions {
  const defaults = resolvePresence({}, { heartbeatIntervalMs: 2_000, memberTimeoutMs: 10_000 });
  if (defaults === undefined) throw new Error('presence is switched off');
  return { ...defaults, ...given };
}
