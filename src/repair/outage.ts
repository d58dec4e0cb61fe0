import type { Interrupted, PubSub } from '../ports/pub-sub.js';
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

/** Who comes back that soon after a repair is asked as well. */
const LATE_MS = 30_000;

/**
 * What was repaired a moment ago, for those who were not there to be asked.
 *
 * @internal
 */
export class LastRepair {
  private last: { readonly interruption: Interruption; readonly at: number } | undefined;

  /** Costs nothing to ask for each event. */
  get isRemembered(): boolean {
    return this.last !== undefined;
  }

  /** Who was not there for an earlier one is asked for all of it, whatever else there was since. */
  remember(interruption: Interruption): void {
    const at = performance.now();
    const earlier = this.last?.interruption;
    const isYoung = this.last !== undefined && at - this.last.at <= LATE_MS;
    if (!isYoung || earlier === undefined) this.last = { interruption, at };
    else if (interruption.isLate) {
      for (const origin of interruption.repaired) earlier.repaired.add(origin);
      this.last = { interruption: earlier, at };
    } else if (isLeftover(interruption)) return;
    else if (unrepaired(earlier).length === 0) this.last = { interruption, at };
    else this.last = { interruption: both(earlier, interruption), at };
  }

  /**
   * The interruption once more, for an instance that has come back, perhaps with an event over a channel. Undefined where
   * nothing of it is missing.
   */
  onceMoreFor(instanceId: InstanceId, channel?: string): Interruption | undefined {
    const { last } = this;
    if (last === undefined) return undefined;
    if (performance.now() - last.at > LATE_MS) {
      this.last = undefined;
      return undefined;
    }
    const { since, heard, concerns, repaired } = last.interruption;
    if (repaired.has(instanceId)) return undefined;
    if (channel !== undefined && !mayConcern(last.interruption, channel)) return undefined;
    const again = interruptionOf(since, heard);
    for (const concern of concerns) merged(again, concern, [instanceId]);
    for (const origin of repaired) again.repaired.add(origin);
    again.isLate = true;
    return again;
  }
}

const NONE: ReadonlySet<string> = new Set();

interface Surroundings {
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
export class Leftovers {
  private leftover: Leftover | undefined;
  /** Of the repair that is under way: these are left when it ends, also where they can be heard by then. */
  private deaf: ReadonlySet<string> = NONE;

  constructor(private readonly around: Surroundings) {}

  get isEmpty(): boolean {
    return this.leftover === undefined;
  }

  /** Whether more of this channel is missing than a repair that is under way gets back. */
  has(channel: string): boolean {
    return this.leftover?.deaf.has(channel) === true || this.deaf.has(channel);
  }

  /** Whether an interruption is about a channel that is none of these. */
  isConcerned(interruption: Interruption, channel: string): boolean {
    return mayConcern(interruption, channel) && this.leftover?.deaf.has(channel) !== true;
  }

  /** It is being repaired from now on. */
  begin(interruption: Interruption): void {
    this.deaf = this.deafChannels(interruption);
  }

  /** It has been repaired, but for the channels that could not be heard when that began. */
  end(interruption: Interruption): void {
    const { deaf } = this;
    this.deaf = NONE;
    if (deaf.size > 0) this.leftover = leftoverOf(interruption, deaf, this.leftover);
  }

  /** What there is, if some of it can be heard again. */
  take(): Leftover | undefined {
    const { leftover } = this;
    this.leftover = undefined;
    if (leftover === undefined || this.deafChannels(leftover).size < leftover.deaf.size) {
      return leftover;
    }
    this.leftover = leftover;
    return undefined;
  }

  /** Another interruption comes first, and has a time of its own. */
  putBack(leftover: Leftover): void {
    leftover.times++;
    leftover.repaired.clear();
    this.leftover = leftover;
  }

  clear(): void {
    this.leftover = undefined;
    this.deaf = NONE;
  }

  /** The channels of an interruption that cannot be heard yet: more of them is being missed. */
  private deafChannels(interruption: Interruption): Set<string> {
    const { pubSub } = this.around;
    const deaf = new Set<string>();
    if (pubSub.state === 'ready') return deaf;
    for (const channel of this.around.channels()) {
      if (this.isConcerned(interruption, channel) && !pubSub.isSubscribed(channel)) {
        deaf.add(channel);
      }
    }
    return deaf;
  }
}
