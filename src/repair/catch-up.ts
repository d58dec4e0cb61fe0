import type { EventGap } from '../cluster/event-gap.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';
import { after, guarded, type Failed } from '../reporting/timers.js';
import type { LanePositions } from '../routing/lanes.js';
import type { InstanceId } from '../wire/envelope.js';
import { HoldBackQueue, type NumberedArrival } from './hold-back-queue.js';
import { FROM_NOTHING, Outage, type Pull, type Start, type Starts } from './outage.js';
import { furthest, isBeyond, type Positions } from './positions.js';

/** Pages come over one connection: so many instances are asked at a time. */
const MAX_ASKED = 4;
/** If no more may have published something, they are asked at once, and not with their next record. */
const MAX_ASKED_AT_ONCE = 8;
/** The pauses before an instance that did not answer is asked again, growing up to the last. */
const PAUSE_MS = [100, 1_000] as const;
/** An instance that lives, and answers nothing for so long, is given up: its live events are held until then. */
const NO_ANSWER_MS = 30_000;
/** More instances than any app has: the events of further publishers are not held. */
const MAX_PULLS = 16_384;
/** The most that is held of live events. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;

const ALL: InterruptedChannels = () => true;

/** A page of the events that an instance has published. @internal */
export interface PulledPage {
  readonly arrivals: readonly NumberedArrival[];
  /** With it, everything up to these numbers is there. */
  readonly upTo: LanePositions;
  /** Where the next page begins; undefined: this is the last one. */
  readonly cursor: number | undefined;
  /** The highest sequence of events that the instance no longer has; undefined: none. */
  readonly forgotten: number | undefined;
  /** The age of the last of them, in ms. */
  readonly forgottenAgeMs: number;
}

/** @internal */
export interface PullQuestion {
  readonly from: LanePositions;
  readonly cursor: number | undefined;
  /** Whether a channel may have been missed. */
  readonly isConcerned: InterruptedChannels;
  /** Another number where other channels may be concerned. */
  readonly scope: number;
}

/** What the record of an instance says of it: it lives; it has ended, and said so; or it is silent and may come back. */
type State = 'alive' | 'ended' | 'lost';

/** @internal */
export interface CatchUpDeps {
  readonly positions: Pick<
    Positions,
    'all' | 'origins' | 'at' | 'headsOf' | 'lastsOf' | 'of' | 'isProven' | 'reached'
  >;
  /** What the last record of an instance said. */
  stateOf(this: void, origin: InstanceId): State | undefined;
  /** The highest sequence that was received from an instance; 0 for none. */
  heardOf(this: void, origin: InstanceId): number;
  /** Whether channels of all servers are among these. */
  isWhole(isConcerned: InterruptedChannels): boolean;
  /** Asks an instance for one page. Rejects if it does not answer, or if the signal says that nobody needs it. */
  ask(origin: InstanceId, question: PullQuestion, signal: AbortSignal): Promise<PulledPage>;
  /** Delivers an event, unless it has come before. */
  deliver(origin: InstanceId, arrival: NumberedArrival): void;
  /** Whether an event has come before. */
  hasCome(origin: InstanceId, arrival: NumberedArrival): boolean;
  /** Events of an instance may be lost. */
  gap(gap: EventGap): void;
  /** The outage is over. */
  ended(starts: Starts): void;
  /** Events of a publisher without a record are held: the next records are wanted soon. */
  wantRecords(): void;
  /** An instance that publishes something has a record after this time, in ms. */
  readonly recordWithinMs: number;
  readonly failed: Failed;
}

/** The last outage. An instance may turn up that has published in it, before it wrote its first record. */
interface Recent {
  readonly concerns: readonly InterruptedChannels[];
  /** The instances that had a record at its end. */
  readonly known: Set<InstanceId>;
  /** Monotonic time (`performance.now()`). */
  readonly until: number;
}

/**
 * Gets what this instance has missed. After an interruption it asks each instance that has published something beyond its
 * position, page by page: the next page when the last one is delivered. Live events of an instance are held until its
 * pages have reached them. A lost connection ends the questions at once, and later they go on where they were.
 *
 * @internal
 */
export class CatchUp {
  private outage: Outage | undefined;
  private readonly held = new HoldBackQueue(MAX_HELD_BYTES);
  private readonly queue: Pull[] = [];
  private asked = 0;
  private scope = 0;
  /** Up to where the pages of an instance went, until a mark proves as much. */
  private readonly pulled = new Map<InstanceId, LanePositions>();
  /** Where the events of silent instances begin to be missing, for the case that they come back. */
  private readonly lost = new Map<
    InstanceId,
    { readonly start: Start; readonly concerns: readonly InterruptedChannels[] }
  >();
  private readonly timers = new Set<NodeJS.Timeout>();
  private last: Recent | undefined;

  constructor(
    private readonly deps: CatchUpDeps,
    private readonly maxAskedAtOnce = MAX_ASKED_AT_ONCE,
  ) {}

  get isUnderway(): boolean {
    return this.outage !== undefined;
  }

  /** Whether live events have to be looked at. */
  get isActive(): boolean {
    return (
      this.outage !== undefined ||
      this.pulled.size > 0 ||
      this.lost.size > 0 ||
      this.recent !== undefined
    );
  }

  get heldBytes(): number {
    return this.held.bytes;
  }

  /** Where the events of each instance began to be missing in this outage. */
  get starts(): Starts {
    return this.outage?.starts ?? new Map();
  }

  /** Whether a channel may have been missed in this outage. */
  isConcerned(channel: string): boolean {
    return this.outage?.isConcerned(channel) === true;
  }

  /**
   * Messages of some channels may be missed from now on.
   *
   * @param since if some could not be heard even before: the moment, in monotonic time, or where the events of each
   * instance began to be missing
   */
  interrupted(isConcerned: InterruptedChannels, since?: number | Starts): void {
    const { positions, stateOf } = this.deps;
    const outage = this.begin();
    outage.heardSince = undefined;
    const isMore = outage.addConcerns([isConcerned]) || since !== undefined;
    outage.ofAll = true;
    for (const origin of positions.origins) {
      const pull = outage.pulls.get(origin);
      // Its pages so far had all that was concerned.
      if (!isMore && pull !== undefined && pull.state !== 'done') continue;
      const start = this.startOf(origin, since);
      if (stateOf(origin) === 'alive') outage.add(origin, start, true);
      else this.wasGone(outage, origin, start);
    }
  }

  /** An instance has published on a server that this one has left. */
  unheard(origin: InstanceId): void {
    const { outage } = this;
    // It is part of what is missing anyway, or nobody can answer.
    if (outage?.ofAll === true || this.deps.stateOf(origin) !== 'alive') return;
    this.only(origin, this.startOf(origin), [ALL]);
    this.recordRead(origin, 0);
  }

  /**
   * All channels can be heard again, and after that all records were read.
   *
   * @param version of the records: one that is not newer does not say what its instance had published by then
   */
  heardAgain(version: number): void {
    const { outage } = this;
    if (outage === undefined) return;
    outage.heardSince = version;
    this.scope++;
    const open = [...outage.pulls.values()].filter(({ state, known }) => state !== 'done' && known);
    const areFew = open.length <= this.maxAskedAtOnce;
    for (const pull of open) if (areFew || this.isBehind(pull)) this.enqueue(pull);
    this.endIfDone();
  }

  /** A changed record was read. {@link CatchUpDeps} knows it. */
  recordRead(origin: InstanceId, version: number): void {
    const state = this.deps.stateOf(origin);
    if (state === 'alive') {
      this.returned(origin);
      if (this.isNewlyFound(origin)) this.onlyRecent(origin, true);
    }
    const { outage } = this;
    if (outage === undefined || !(outage.ofAll || outage.pulls.has(origin))) return;
    const before = outage.pullOf(origin);
    // It was taken for a publisher that answers nothing.
    const isFound = !before.known && before.state === 'done';
    const pull = isFound ? outage.add(origin, FROM_NOTHING, true) : before;
    pull.known = true;
    if (pull.state === 'done') return;
    if (state !== 'alive') this.gone(outage, pull, state === 'ended');
    else if (outage.heardSince === undefined || pull.state !== 'waiting') return;
    else if (this.isBehind(pull)) this.enqueue(pull);
    else if (version > outage.heardSince) this.finish(outage, pull);
  }

  /** All changed records were read, since {@link heardAgain}. A publisher without one is no instance: it answers nothing. */
  recordsRead(): void {
    const { outage } = this;
    if (outage?.heardSince === undefined) return;
    for (const pull of outage.pulls.values()) if (!pull.known) this.finish(outage, pull);
    this.endIfDone();
  }

  /** A mark was heard: what it proves needs no memory here. */
  proven(): void {
    for (const [origin, upTo] of this.pulled) {
      if (this.deps.positions.isProven(origin, upTo)) this.pulled.delete(origin);
    }
  }

  /** Nothing more is known of an instance. */
  forget(origin: InstanceId): void {
    const { outage } = this;
    this.lost.delete(origin);
    this.pulled.delete(origin);
    const pull = outage?.pulls.get(origin);
    if (outage === undefined || pull === undefined || pull.state === 'done') return;
    this.gone(outage, pull, false);
    this.lost.delete(origin);
    this.endIfDone();
  }

  /** A live event came in. Returns whether it is held, or was dropped as it has come before. */
  intercept(origin: InstanceId, arrival: NumberedArrival): boolean {
    if (this.wasPulled(origin, arrival)) return true;
    if (this.lost.get(origin)?.concerns.some((isConcerned) => isConcerned(arrival.channel))) {
      this.returned(origin);
    }
    if (this.mayBeRecent(origin, arrival.channel)) this.onlyRecent(origin, false);
    const { outage } = this;
    if (outage === undefined || !outage.isConcerned(arrival.channel)) return false;
    if (!outage.pulls.has(origin) && !mayBeNew(outage)) return false;
    const pull = outage.pullOf(origin);
    if (pull.state === 'done') return false;
    this.held.hold(origin, arrival);
    if (outage.heardSince !== undefined && pull.known) this.enqueue(pull);
    return true;
  }

  close(): void {
    this.endQuestions();
    this.outage = undefined;
    this.held.clear();
    this.pulled.clear();
    this.lost.clear();
    this.last = undefined;
  }

  /** The outage, with no question underway. */
  private begin(): Outage {
    this.endQuestions();
    this.outage ??= new Outage();
    return this.outage;
  }

  private startOf(origin: InstanceId, since?: number | Starts): Start {
    const { positions, heardOf } = this.deps;
    if (typeof since === 'object') return since.get(origin) ?? FROM_NOTHING;
    const all = since === undefined ? positions.all : positions.at(since);
    return { from: all?.get(origin) ?? FROM_NOTHING.from, heard: heardOf(origin) };
  }

  /** It had ended, or was silent, before the interruption. What its server had taken by then was heard, or it is missing. */
  private wasGone(outage: Outage, origin: InstanceId, start: Start): void {
    const { positions, stateOf } = this.deps;
    const pull = outage.addGone(origin, start);
    const heads = positions.headsOf(origin);
    if (!pull.givenUp && isBeyond(heads, start.from)) {
      this.giveUp(pull);
      positions.reached(origin, heads);
    }
    if (stateOf(origin) === 'lost') this.mayReturn(outage, origin, start);
  }

  private giveUp(pull: Pull): void {
    const { origin: instanceId, heard } = pull;
    pull.givenUp = true;
    this.deps.gap({ instanceId, from: heard + 1, to: null, reason: 'no-answer' });
  }

  private mayReturn({ concerns }: Outage, origin: InstanceId, start: Start): void {
    const before = this.lost.get(origin);
    const all = [...(before?.concerns ?? []), ...concerns];
    this.lost.set(origin, { start: before?.start ?? start, concerns: [...new Set(all)] });
  }

  /** An instance that was silent in an earlier outage is back: what it had then is asked for. */
  private returned(origin: InstanceId): void {
    const lost = this.lost.get(origin);
    if (lost === undefined) return;
    this.lost.delete(origin);
    this.only(origin, lost.start, lost.concerns);
  }

  /** Something is missing of one instance, and it can be asked. */
  private only(
    origin: InstanceId,
    start: Start,
    concerns: readonly InterruptedChannels[],
    known = true,
  ): void {
    let { outage } = this;
    if (outage === undefined) {
      outage = this.begin();
      outage.heardSince = 0;
    }
    this.scope++;
    outage.addConcerns(concerns);
    outage.add(origin, start, known);
  }

  /** The last outage, for a while. */
  private get recent(): Recent | undefined {
    const { last } = this;
    if (last !== undefined && last.until <= performance.now()) this.last = undefined;
    return this.last;
  }

  /** Whether a publisher without a record may have published in the last outage: its next events have to wait. */
  private mayBeRecent(origin: InstanceId, channel: string): boolean {
    const { recent, outage } = this;
    if (recent === undefined) return false;
    if (outage?.ofAll === true || outage?.pulls.has(origin) === true) return false;
    if ((outage?.pulls.size ?? 0) >= MAX_PULLS) return false;
    return (
      this.deps.stateOf(origin) === undefined &&
      recent.concerns.some((isConcerned) => isConcerned(channel))
    );
  }

  /** Whether this is the first record of an instance, and it says that the instance has published something. */
  private isNewlyFound(origin: InstanceId): boolean {
    const { recent, outage } = this;
    if (recent === undefined || outage?.ofAll === true) return false;
    return !recent.known.has(origin) && this.deps.positions.lastsOf(origin).size > 0;
  }

  private onlyRecent(origin: InstanceId, known: boolean): void {
    const { recent } = this;
    if (recent === undefined) return;
    this.only(origin, FROM_NOTHING, recent.concerns, known);
    if (known) recent.known.add(origin);
    else this.deps.wantRecords();
  }

  /** An instance answers nothing more. */
  private gone(outage: Outage, pull: Pull, isFinal: boolean): void {
    const { origin, start } = pull;
    this.pulled.delete(origin);
    if (!isFinal || this.isBehind(pull)) this.giveUp(pull);
    if (!isFinal) this.mayReturn(outage, origin, start);
    this.finish(outage, pull);
    this.endIfDone();
  }

  /** On another connection a page may overtake the events that are on it. */
  private wasPulled(origin: InstanceId, arrival: NumberedArrival): boolean {
    const upTo = this.pulled.get(origin);
    if (upTo === undefined) return false;
    const { lane, number } = arrival;
    if (lane > 0 && number > (upTo.get(lane) ?? 0)) return false;
    // It may be of a channel that was not asked for.
    return this.deps.hasCome(origin, arrival);
  }

  private isBehind({ origin, from }: Pull): boolean {
    const lasts = this.deps.positions.lastsOf(origin);
    // A lane that was left is not listed for ever: only its origin knows what was published on it.
    return isBeyond(lasts, from) || [...from.keys()].some((lane) => !lasts.has(lane));
  }

  private enqueue(pull: Pull): void {
    if (pull.state !== 'waiting') return;
    pull.state = 'asking';
    this.queue.push(pull);
    this.askNext();
  }

  private askNext(): void {
    const { outage } = this;
    if (outage === undefined) return;
    while (this.asked < MAX_ASKED) {
      const pull = this.queue.shift();
      if (pull === undefined) return;
      this.asked++;
      guarded(this.deps.failed, () => this.pull(outage, pull))();
    }
  }

  private async pull(outage: Outage, pull: Pull): Promise<void> {
    const { signal } = outage.turn;
    const { isConcerned } = outage;
    const isOpen = (): boolean => !signal.aborted && pull.state === 'asking';
    try {
      while (isOpen()) {
        const { origin, from, cursor } = pull;
        const { scope } = this;
        const question = { from, cursor, isConcerned, scope };
        const page = await this.deps.ask(origin, question, signal);
        if (isOpen()) this.take(outage, pull, page);
      }
    } catch {
      if (isOpen()) this.askLater(outage, pull);
    } finally {
      if (!signal.aborted) {
        this.asked--;
        this.askNext();
        this.endIfDone();
      }
    }
  }

  private take(outage: Outage, pull: Pull, page: PulledPage): void {
    const { origin: instanceId } = pull;
    const { arrivals, upTo, cursor, forgotten } = page;
    if (cursor !== undefined && cursor <= (pull.cursor ?? -1)) throw new TypeError('it goes back');
    pull.failures = 0;
    pull.failingSince = undefined;
    if (forgotten !== undefined) this.tellForgotten(pull, forgotten);
    for (const arrival of arrivals) this.deps.deliver(instanceId, arrival);
    pull.from = furthest(pull.from, upTo);
    pull.cursor = cursor;
    // What was dropped while it was asked is on a further page.
    if (cursor === undefined && !this.held.hasDropped(instanceId)) this.finish(outage, pull);
  }

  /** Each page may say it. */
  private tellForgotten(pull: Pull, to: number): void {
    const { origin: instanceId, heard, told } = pull;
    if (told !== undefined && told.from <= to && to <= told.to) return;
    // The right to publish on a channel decides what was heard, so that is for the report only.
    const from = Math.min(heard + 1, to);
    pull.told = { from: Math.min(from, told?.from ?? from), to: Math.max(to, told?.to ?? to) };
    pull.heard = Math.max(heard, to);
    this.deps.gap({ instanceId, from, to, reason: 'forgotten' });
  }

  private askLater(outage: Outage, pull: Pull): void {
    const { turn } = outage;
    const now = performance.now();
    pull.failingSince ??= now;
    if (now - pull.failingSince >= NO_ANSWER_MS) {
      this.giveUp(pull);
      this.finish(outage, pull);
      return;
    }
    const [shortest, longest] = PAUSE_MS;
    pull.failures++;
    const timer = after(Math.min(shortest * pull.failures, longest), this.deps.failed, () => {
      this.timers.delete(timer);
      if (turn.signal.aborted || pull.state !== 'asking') return;
      this.queue.push(pull);
      this.askNext();
    }).unref();
    this.timers.add(timer);
  }

  private endQuestions(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.queue.length = 0;
    this.asked = 0;
    this.outage?.nextTurn();
  }

  /** Everything of the instance up to now is there, or given up: its held events follow. */
  private finish(outage: Outage, pull: Pull): void {
    const { origin, from } = pull;
    if (pull.state === 'done') return;
    pull.state = 'done';
    outage.open--;
    if (from.size > 0) this.pulled.set(origin, from);
    if (this.deps.isWhole(outage.isConcerned)) this.deps.positions.reached(origin, from);
    this.held.hasDropped(origin);
    for (const arrival of this.held.take(origin)) this.deps.deliver(origin, arrival);
  }

  private endIfDone(): void {
    const { outage } = this;
    if (outage?.heardSince === undefined || outage.open > 0) return;
    this.outage = undefined;
    if (outage.ofAll) {
      const until = performance.now() + this.deps.recordWithinMs;
      const known = new Set(this.deps.positions.origins);
      this.last = { concerns: [...outage.concerns], known, until };
    }
    this.deps.ended(outage.starts);
  }
}

/** Whether a publisher of which nothing is known may be an instance, and something of it may be missing. */
function mayBeNew({ ofAll, pulls }: Outage): boolean {
  return ofAll && pulls.size < MAX_PULLS;
}
