import type { InterruptedChannels, PubSub } from '../ports/pub-sub.js';
import type { InstanceId } from '../wire/envelope.js';

/** After this many outages in a row their channels are no longer tracked separately. */
const MAX_CONCERNS = 16;

/** Channels that were unsubscribed for a while. @internal */
export interface Outage {
  /** Monotonic time (`performance.now()`). */
  since: number;
  /** The number of outages so far. */
  generation: number;
  readonly concerns: InterruptedChannels[];
  /** Instances that may have sent events meanwhile. */
  readonly members: Set<InstanceId>;
  /** Instances whose events so far have been delivered, or given up. */
  readonly repaired: Set<InstanceId>;
  /** The highest number received from each instance before. */
  readonly heard: ReadonlyMap<InstanceId, number>;
  /** Whether this outage repeats an earlier one, for an instance that could not be asked then. */
  isLate: boolean;
}

/** The rest of earlier outages: channels that were unsubscribed when the others were repaired. @internal */
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

/** Adds an outage, or another one before the first is repaired. @internal */
export function extend(
  outage: Outage,
  concerns: InterruptedChannels,
  members: Iterable<InstanceId>,
): void {
  outage.generation++;
  outage.isLate = false;
  addConcerns(outage, [concerns]);
  // Instances that were repaired earlier may have sent events since.
  outage.repaired.clear();
  for (const instanceId of members) outage.members.add(instanceId);
}

/** Merges two outages, for an instance that could not be asked about either. @internal */
export function union(earlier: Outage, later: Outage): Outage {
  const outage = newOutage(Math.min(earlier.since, later.since), earlier.heard);
  addConcerns(outage, [...earlier.concerns, ...later.concerns]);
  for (const origin of [...earlier.members, ...later.members]) outage.members.add(origin);
  for (const origin of later.repaired) {
    if (earlier.repaired.has(origin)) outage.repaired.add(origin);
  }
  return outage;
}

/** Adds the unrepaired rest of an outage to that of earlier ones. @internal */
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

/** The highest number received from the instance before. @internal */
export function lastHeardFrom({ heard }: Outage, origin: InstanceId): number {
  return heard.get(origin) ?? 0;
}

function addConcerns({ concerns }: Outage, more: readonly InterruptedChannels[]): void {
  concerns.push(...more);
  if (concerns.length > MAX_CONCERNS) concerns.splice(0, Infinity, () => true);
}

/** An instance that comes back this soon after a repair is asked as well. */
const LATE_MS = 30_000;

/**
 * The last repair, for instances that could not be asked at the time.
 *
 * @internal
 */
export class RecentRepair {
  private last: { readonly outage: Outage; readonly at: number } | undefined;

  /** Cheap enough to be called for each event. */
  get isRemembered(): boolean {
    return this.last !== undefined;
  }

  /** An instance that missed an earlier repair is asked for that whole outage, whatever was repaired since. */
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
   * The outage again, for an instance that has come back, perhaps with an event over a channel. Undefined if
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
  /** The channels that this instance wants. */
  channels(): Iterable<string>;
}

/**
 * Channels that were still unsubscribed when the last repair ran (a Cluster shard that is down, an ACL). They stay
 * pending until they can be repaired, and outages of other channels do not affect them.
 *
 * @internal
 */
export class PendingChannels {
  private pending: PartialOutage | undefined;
  /**
   * Channels excluded from the repair in progress. They stay pending when it ends, even if they have been
   * subscribed meanwhile.
   */
  private excluded: ReadonlySet<string> = NONE;

  constructor(private readonly deps: PendingChannelsDeps) {}

  get isEmpty(): boolean {
    return this.pending === undefined;
  }

  /** Whether events of this channel are missing that a repair in progress does not recover. */
  has(channel: string): boolean {
    return this.pending?.unsubscribed.has(channel) === true || this.excluded.has(channel);
  }

  /** Whether an outage concerns a channel that is not pending. */
  isConcerned(outage: Outage, channel: string): boolean {
    return mayConcern(outage, channel) && this.pending?.unsubscribed.has(channel) !== true;
  }

  /** Called when the repair of an outage starts. */
  begin(outage: Outage): void {
    this.excluded = this.unsubscribedChannels(outage);
  }

  /** Called when the repair has ended. Channels that were unsubscribed when it began stay pending. */
  end(outage: Outage): void {
    const { excluded: unsubscribed } = this;
    this.excluded = NONE;
    if (unsubscribed.size > 0) this.pending = partialOutageOf(outage, unsubscribed, this.pending);
  }

  /** The pending outage, if some of its channels are subscribed again. */
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

  /** Puts a taken outage back, because another one is repaired first. */
  putBack(pending: PartialOutage): void {
    pending.generation++;
    pending.repaired.clear();
    this.pending = pending;
  }

  clear(): void {
    this.pending = undefined;
    this.excluded = NONE;
  }

  /** The channels of an outage that are still unsubscribed, so that more of their events are being missed. */
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
