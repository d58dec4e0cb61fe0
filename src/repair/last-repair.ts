import type { InstanceId } from '../wire/envelope.js';
import {
  both,
  interruptionOf,
  isLeftover,
  mayConcern,
  merged,
  unrepaired,
  type Interruption,
} from './outage.js';

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
