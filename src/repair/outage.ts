import type { InterruptedChannels, PubSub } from '../ports/pub-sub.js';
import type { InstanceId } from '../wire/envelope.js';

/** After so many in a row it is not told apart any more which channels they concerned. */
const MAX_CONCERNS = 16;

/** Channels that could not be heard for a while. @internal */
export interface Outage {
  /** Monotonic time (`performance.now()`). */
  since: number;
  /** How often it happened until it was repaired. */
  generation: number;
  readonly concerns: InterruptedChannels[];
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
export interface PartialOutage extends Outage {
  readonly unsubscribed: ReadonlySet<string>;
}

/** @internal */
export function newOutage(since: number, heard: ReadonlyMap<InstanceId, number>): Outage {
  const none = {
    generation: 0,
    concerns: [],
    members: new Set<string>(),
    repaired: new Set<string>(),
  };
  return { since, ...none, heard, isLate: false };
}

/** It happened, or happened once more. @internal */
export function extend(
  outage: Outage,
  concerns: InterruptedChannels,
  members: Iterable<InstanceId>,
): void {
  outage.generation++;
  outage.isLate = false;
  addConcerns(outage, [concerns]);
  // Who was repaired before may have sent something since.
  outage.repaired.clear();
  for (const instanceId of members) outage.members.add(instanceId);
}

/** For whoever was not there to be asked for the earlier one, or the later. @internal */
export function union(earlier: Outage, later: Outage): Outage {
  const outage = newOutage(Math.min(earlier.since, later.since), earlier.heard);
  addConcerns(outage, [...earlier.concerns, ...later.concerns]);
  for (const origin of [...earlier.members, ...later.members]) outage.members.add(origin);
  for (const origin of later.repaired) {
    if (earlier.repaired.has(origin)) outage.repaired.add(origin);
  }
  return outage;
}

/** Adds what an outage leaves to what is left of earlier ones. @internal */
export function partialOutageOf(
  { since, heard, repaired }: Outage,
  channels: ReadonlySet<string>,
  earlier?: PartialOutage,
): PartialOutage {
  const unsubscribed = new Set([...(earlier?.unsubscribed ?? []), ...channels]);
  const start = Math.min(since, earlier?.since ?? Infinity);
  const pending = { ...newOutage(start, earlier?.heard ?? heard), unsubscribed };
  extend(pending, (channel) => unsubscribed.has(channel), [
    ...(earlier?.members ?? []),
    ...repaired,
  ]);
  return pending;
}

/** @internal */
export function isPartial(outage: Outage): outage is PartialOutage {
  return 'unsubscribed' in outage;
}

/** @internal */
export function mayConcern({ concerns }: Outage, channel: string): boolean {
  return concerns.some((isConcerned) => isConcerned(channel));
}

/** @internal */
export function unrepaired({ members, repaired }: Outage): InstanceId[] {
  return [...members].filter((origin) => !repaired.has(origin));
}

/** The highest number that the instance was heard with before. @internal */
export function lastHeardFrom({ heard }: Outage, origin: InstanceId): number {
  return heard.get(origin) ?? 0;
}

function addConcerns({ concerns }: Outage, more: readonly InterruptedChannels[]): void {
  concerns.push(...more);
  if (concerns.length > MAX_CONCERNS) concerns.splice(0, Infinity, () => true);
}

/** Who comes back that soon after a repair is asked as well. */
const LATE_MS = 30_000;

/**
 * What was repaired a moment ago, for those who were not there to be asked.
 *
 * @internal
 */
export class RecentRepair {
  private last: { readonly outage: Outage; readonly at: number } | undefined;

  /** Costs nothing to ask for each event. */
  get isRemembered(): boolean {
    return this.last !== undefined;
  }

  /** Who was not there for an earlier one is asked for all of it, whatever else there was since. */
  remember(outage: Outage): void {
    const at = performance.now();
    const earlier = this.last?.outage;
    const isYoung = this.last !== undefined && at - this.last.at <= LATE_MS;
    if (!isYoung || earlier === undefined) this.last = { outage, at };
    else if (outage.isLate) {
      for (const origin of outage.repaired) earlier.repaired.add(origin);
      this.last = { outage: earlier, at };
    } else if (isPartial(outage)) return;
    else if (unrepaired(earlier).length === 0) this.last = { outage, at };
    else this.last = { outage: union(earlier, outage), at };
  }

  /**
   * The outage once more, for an instance that has come back, perhaps with an event over a channel. Undefined where
   * nothing of it is missing.
   */
  repeatFor(instanceId: InstanceId, channel?: string): Outage | undefined {
    const { last } = this;
    if (last === undefined) return undefined;
    if (performance.now() - last.at > LATE_MS) {
      this.last = undefined;
      return undefined;
    }
    const { since, heard, concerns, repaired } = last.outage;
    if (repaired.has(instanceId)) return undefined;
    if (channel !== undefined && !mayConcern(last.outage, channel)) return undefined;
    const again = newOutage(since, heard);
    for (const concern of concerns) extend(again, concern, [instanceId]);
    for (const origin of repaired) again.repaired.add(origin);
    again.isLate = true;
    return again;
  }
}

const NONE: ReadonlySet<string> = new Set();

interface PendingChannelsDeps {
  readonly pubSub: PubSub;
  /** The channels that this instance wants to hear. */
  channels(): Iterable<string>;
}

/**
 * Channels that could not be subscribed again when the others were repaired, for as long as that takes: a part of a
 * Cluster that stays away, an ACL. What happens to other channels meanwhile has nothing to do with them.
 *
 * @internal
 */
export class PendingChannels {
  private pending: PartialOutage | undefined;
  /** Of the repair that is under way: these are left when it ends, also where they can be heard by then. */
  private excluded: ReadonlySet<string> = NONE;

  constructor(private readonly deps: PendingChannelsDeps) {}

  get isEmpty(): boolean {
    return this.pending === undefined;
  }

  /** Whether more of this channel is missing than a repair that is under way gets back. */
  has(channel: string): boolean {
    return this.pending?.unsubscribed.has(channel) === true || this.excluded.has(channel);
  }

  /** Whether an outage is about a channel that is none of these. */
  isConcerned(outage: Outage, channel: string): boolean {
    return mayConcern(outage, channel) && this.pending?.unsubscribed.has(channel) !== true;
  }

  /** It is being repaired from now on. */
  begin(outage: Outage): void {
    this.excluded = this.unsubscribedChannels(outage);
  }

  /** It has been repaired, but for the channels that could not be heard when that began. */
  end(outage: Outage): void {
    const { excluded: unsubscribed } = this;
    this.excluded = NONE;
    if (unsubscribed.size > 0) this.pending = partialOutageOf(outage, unsubscribed, this.pending);
  }

  /** What there is, if some of it can be heard again. */
  take(): PartialOutage | undefined {
    const { pending } = this;
    this.pending = undefined;
    if (
      pending === undefined ||
      this.unsubscribedChannels(pending).size < pending.unsubscribed.size
    ) {
      return pending;
    }
    this.pending = pending;
    return undefined;
  }

  /** Another outage comes first, and has a time of its own. */
  putBack(pending: PartialOutage): void {
    pending.generation++;
    pending.repaired.clear();
    this.pending = pending;
  }

  clear(): void {
    this.pending = undefined;
    this.excluded = NONE;
  }

  /** The channels of an outage that cannot be heard yet: more of them is being missed. */
  private unsubscribedChannels(outage: Outage): Set<string> {
    const { pubSub } = this.deps;
    const unsubscribed = new Set<string>();
    if (pubSub.state === 'ready') return unsubscribed;
    for (const channel of this.deps.channels()) {
      if (this.isConcerned(outage, channel) && !pubSub.isSubscribed(channel)) {
        unsubscribed.add(channel);
      }
    }
    return unsubscribed;
  }
}
