import type { ResolvedPresenceOptions } from '../../options/resolve-presence.js';

/**
 * The rule "offline after `graceMs`". A user without a socket on any instance stays online for the grace period. A return
 * within it is not reported; its end takes the user offline, and `lastSeen` is its start. This file has the rule, in
 * TypeScript and for the scripts; `tracker/grace-schedule.ts` decides when an instance asks the store to apply it.
 */
type GraceOptions = Pick<ResolvedPresenceOptions, 'graceMs'>;

/** The end of a grace period that starts at `leftAt` (ms, on the store's clock). @internal */
export function graceEnd(leftAt: number, { graceMs }: GraceOptions): number {
  return leftAt + graceMs;
}

/** The start of a grace period that ends at `endsAt` (ms, on the store's clock). @internal */
export function graceStart(endsAt: number, { graceMs }: GraceOptions): number {
  return endsAt - graceMs;
}

/** The options of the rule as one argument of the scripts, where the prelude calls it `grace`. @internal */
export function graceArgument({ graceMs }: GraceOptions): number {
  return graceMs;
}

/** The same rule in Lua, after the prelude: `pending` has the end of each grace period. @internal */
export const GRACE = `
local graceMs = tonumber(grace)

local function isInGrace(presence) return #presence.owners == 0 and not presence.tentative end

-- A grace period that has already started does not start again.
local function startGrace(user) redis.call('ZADD', pending, 'NX', now + graceMs, user) end

local function cancelGrace(user) redis.call('ZREM', pending, user) end

-- The user goes offline. retention: how long the last-seen time is stored (ms), 0 for not at all.
local function endGrace(user, endsAt, retention)
  forget(user)
  if retention > 0 then redis.call('ZADD', seen, endsAt - graceMs, user) end
  report('offline', user)
end
`;
