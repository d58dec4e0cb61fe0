import type { Interrupted } from '../ports/pub-sub.js';
import type { InstanceId } from '../wire/envelope.js';

/** After so many in a row it is not told apart any more which channels they concerned. */
const MOST_CONCERNS = 16;

/** Channels that could not be heard for a while. @internal */
export interface Interruption {
  /** By the clock that nobody sets. */
  since: number;
  /** How often it happened until it was repaired. */
  times: number;
  readonly concerns: Interrupted[];
  /** Who may have sent something meanwhile. */
  readonly members: Set<InstanceId>;
  /** Whose events up to now have been delivered, or given up. */
  readonly repaired: Set<InstanceId>;
  /** The highest number that each instance was heard with before. */
  readonly heard: ReadonlyMap<InstanceId, number>;
  /** An earlier one once more, for who was not there to be asked. */
  isLate: boolean;
}

/** What is left of earlier ones: channels that were not subscribed when the others were repaired. @internal */
export interface Leftover extends Interruption {
  readonly deaf: ReadonlySet<string>;
}

/** @internal */
export function interruptionOf(
  since: number,
  heard: ReadonlyMap<InstanceId, number>,
): Interruption {
  const none = { times: 0, concerns: [], members: new Set<string>(), repaired: new Set<string>() };
  return { since, ...none, heard, isLate: false };
}

/** It happened, or happened once more. @internal */
export function merged(
  interruption: Interruption,
  concerns: Interrupted,
  members: Iterable<InstanceId>,
): void {
  interruption.times++;
  interruption.isLate = false;
  addConcerns(interruption, [concerns]);
  // Who was repaired before may have sent something since.
  interruption.repaired.clear();
  for (const instanceId of members) interruption.members.add(instanceId);
}

/** For whoever was not there to be asked for the earlier one, or the later. @internal */
export function both(earlier: Interruption, later: Interruption): Interruption {
  const interruption = interruptionOf(Math.min(earlier.since, later.since), earlier.heard);
  addConcerns(interruption, [...earlier.concerns, ...later.concerns]);
  for (const origin of [...earlier.members, ...later.members]) interruption.members.add(origin);
  for (const origin of later.repaired) {
    if (earlier.repaired.has(origin)) interruption.repaired.add(origin);
  }
  return interruption;
}

/** Adds what an interruption leaves to what is left of earlier ones. @internal */
export function leftoverOf(
  { since, heard, repaired }: Interruption,
  channels: ReadonlySet<string>,
  earlier?: Leftover,
): Leftover {
  const deaf = new Set([...(earlier?.deaf ?? []), ...channels]);
  const start = Math.min(since, earlier?.since ?? Infinity);
  const leftover = { ...interruptionOf(start, earlier?.heard ?? heard), deaf };
  merged(leftover, (channel) => deaf.has(channel), [...(earlier?.members ?? []), ...repaired]);
  return leftover;
}

/** @internal */
export function isLeftover(interruption: Interruption): interruption is Leftover {
  return 'deaf' in interruption;
}

/** @internal */
export function mayConcern({ concerns }: Interruption, channel: string): boolean {
  return concerns.some((isConcerned) => isConcerned(channel));
}

/** @internal */
export function unrepaired({ members, repaired }: Interruption): InstanceId[] {
  return [...members].filter((origin) => !repaired.has(origin));
}

/** The highest number that the instance was heard with before. @internal */
export function heardOf({ heard }: Interruption, origin: InstanceId): number {
  return heard.get(origin) ?? 0;
}

function addConcerns({ concerns }: Interruption, more: readonly Interrupted[]): void {
  concerns.push(...more);
  if (concerns.length > MOST_CONCERNS) concerns.splice(0, Infinity, () => true);
}
