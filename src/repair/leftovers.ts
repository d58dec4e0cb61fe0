import type { PubSub } from '../ports/pub-sub.js';
import { leftoverOf, mayConcern, type Interruption, type Leftover } from './outage.js';

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
