import type { InterruptedChannels } from '../ports/pub-sub.js';
import type { LanePositions } from '../routing/lanes.js';
import type { InstanceId } from '../wire/envelope.js';
import type { NumberedArrival } from './hold-back-queue.js';
import type { Pull } from './outage.js';

/** Gaps of an instance that are remembered; of earlier ones a late event may come. */
const MAX_GAPS = 16;

/** Events that were reported as a gap before later ones were delivered. @internal */
export interface PassedGap {
  /** Its start is that of the gap. */
  readonly pull: Pick<Pull, 'origin' | 'start'>;
  readonly upTo: LanePositions;
  /** The highest sequence of them. */
  readonly last: number;
  /** The channels of the gap. */
  readonly concerns: readonly InterruptedChannels[];
}

/** The gaps that later events have passed: an event of one would be out of order. @internal */
export class PassedGaps {
  private readonly byOrigin = new Map<InstanceId, readonly PassedGap[]>();

  /** Adds a gap, in place of an earlier one of the same pull. */
  add(gap: PassedGap): void {
    const { origin } = gap.pull;
    const before = this.byOrigin.get(origin)?.filter(({ pull }) => pull !== gap.pull) ?? [];
    this.byOrigin.set(origin, [...before, gap].slice(-MAX_GAPS));
  }

  /** Whether an event belongs to a gap. */
  has(origin: InstanceId, { lane, number, sequence, channel }: NumberedArrival): boolean {
    const gaps = this.byOrigin.get(origin);
    return (
      gaps?.some(
        ({ pull, upTo, last, concerns }) =>
          number > (pull.start.from.get(lane) ?? 0) &&
          number <= (upTo.get(lane) ?? 0) &&
          sequence <= last &&
          concerns.some((isConcerned) => isConcerned(channel)),
      ) === true
    );
  }

  forget(origin: InstanceId): void {
    this.byOrigin.delete(origin);
  }

  clear(): void {
    this.byOrigin.clear();
  }
}
