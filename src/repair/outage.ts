import type { InterruptedChannels } from '../ports/pub-sub.js';
import type { LanePositions } from '../routing/lanes.js';
import type { InstanceId } from '../wire/envelope.js';
import { isBeyond, nearest } from './positions.js';

/** After this many interruptions their channels are no longer told apart. */
const MAX_CONCERNS = 16;

const NOWHERE: LanePositions = new Map();

/** Where the events of an instance begin to be missing. @internal */
export interface Start {
  readonly from: LanePositions;
  /** The highest sequence that was received from it. */
  readonly heard: number;
}

/** An instance of which nothing is known has published nothing before. @internal */
export const FROM_NOTHING: Start = { from: NOWHERE, heard: 0 };

/** Undefined for an instance: {@link FROM_NOTHING}. @internal */
export type Starts = ReadonlyMap<InstanceId, Start>;

/** The earlier one. @internal */
export function earlier(a: Start, b: Start): Start {
  return { from: nearest(a.from, b.from), heard: Math.min(a.heard, b.heard) };
}

/** The missing events of one instance. @internal */
export interface Pull {
  readonly origin: InstanceId;
  readonly start: Start;
  from: LanePositions;
  /** The sequence up to which its events were received, or reported as a gap. */
  heard: number;
  /** The sequences of the forgotten events that were reported. */
  told: { readonly from: number; readonly to: number } | undefined;
  cursor: number | undefined;
  /** `waiting`: the instance may have published nothing. `asking`: the instance is in the queue, or is being asked. */
  state: 'waiting' | 'asking' | 'done';
  /** Whether the instance has a record. Others publish events, too, and answer nothing. */
  known: boolean;
  /** The version of the instance's last record in this outage; 0: none. */
  version: number;
  failures: number;
  /** Since when the instance has not answered, in monotonic time (`performance.now()`). */
  failingSince: number | undefined;
  /** Whether the instance has ended: its events are read from the pages that it left. */
  hasEnded: boolean;
  /** The last numbers of the instance when a gap was reported without an end. Undefined: the instance was not given up. */
  givenUpTo: LanePositions | undefined;
}

function newPull(origin: InstanceId, start: Start, known: boolean): Pull {
  return {
    origin,
    start,
    ...start,
    told: undefined,
    cursor: undefined,
    state: 'waiting',
    known,
    version: 0,
    failures: 0,
    failingSince: undefined,
    hasEnded: false,
    givenUpTo: undefined,
  };
}

/** Some channels were not heard for a while. @internal */
export class Outage {
  readonly pulls = new Map<InstanceId, Pull>();
  readonly concerns: InterruptedChannels[] = [];
  /** The number of pulls that are not done. */
  open = 0;
  /** The version of the records when everything could be heard again; undefined: not yet. */
  heardSince: number | undefined;
  /** Whether events of all instances may be missing, or only of those with a pull. */
  ofAll = false;

  /** Adds channels. Returns whether they were not concerned before, as far as that can be seen. */
  addConcerns(more: readonly InterruptedChannels[]): boolean {
    const { concerns } = this;
    const unknown = more.filter((isConcerned) => !concerns.includes(isConcerned));
    concerns.push(...unknown);
    if (concerns.length > MAX_CONCERNS) concerns.splice(0, Infinity, () => true);
    return unknown.length > 0;
  }

  /** The same function throughout. */
  readonly isConcerned: InterruptedChannels = (channel) =>
    this.concerns.some((isConcerned) => isConcerned(channel));

  /** Something of this instance may be missing since. If it is being pulled already, the earlier start counts. */
  add(origin: InstanceId, start: Start, known: boolean): Pull {
    const before = this.pulls.get(origin);
    let pull = newPull(origin, start, known);
    if (before === undefined || before.state === 'done') this.open++;
    else {
      const { from, heard } = earlier(before, start);
      pull = { ...newPull(origin, earlier(before.start, start), known), from, heard };
    }
    this.pulls.set(origin, pull);
    return pull;
  }

  /** This instance had ended, or was silent, before: it cannot be asked. */
  addGone(origin: InstanceId, start: Start): Pull {
    const before = this.pulls.get(origin);
    if (before !== undefined && before.state !== 'done') this.open--;
    const pull: Pull = { ...newPull(origin, start, true), state: 'done' };
    this.pulls.set(origin, pull);
    return pull;
  }

  /** Whether a gap of this instance was reported that has everything from a start to these numbers. */
  wasGivenUp(origin: InstanceId, start: Start, lasts: LanePositions): boolean {
    const before = this.pulls.get(origin);
    if (before?.givenUpTo === undefined || isBeyond(lasts, before.givenUpTo)) return false;
    return !isBeyond(before.start.from, start.from);
  }

  /** The pull of an instance; a new one for an instance that came since. */
  pullOf(origin: InstanceId): Pull {
    return this.pulls.get(origin) ?? this.add(origin, FROM_NOTHING, false);
  }

  /** The beginning of each pull. */
  get starts(): Starts {
    return new Map([...this.pulls].map(([origin, { start }]) => [origin, start]));
  }

  /** The open questions have ended, and will be repeated, each from its position. */
  waitAgain(): void {
    for (const pull of this.pulls.values()) {
      pull.failingSince = undefined;
      if (pull.state === 'asking') pull.state = 'waiting';
    }
  }
}
