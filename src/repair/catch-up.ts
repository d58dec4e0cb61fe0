import type { EventGap } from '../cluster/event-gap.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';
import type { Failed } from '../reporting/timers.js';
import type { LanePositions } from '../routing/lanes.js';
import { MAX_LANES } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import { HoldBackQueue, type NumberedArrival } from './hold-back-queue.js';
import { FROM_NOTHING, Outage, type Pull, type Start, type Starts } from './outage.js';
import { PassedGaps } from './passed-gaps.js';
import { furthest, isBeyond, type Positions } from './positions.js';
import { Questions } from './questions.js';

/** If no more may have published something, they are asked at once, and not with their next record. */
const MAX_ASKED_AT_ONCE = 8;
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

/** The state of an instance by its record: it lives; it has ended, and said so; or it is silent and may come back. */
type State = 'alive' | 'ended' | 'lost';

/** @internal */
export interface CatchUpDeps {
  readonly positions: Pick<
    Positions,
    'all' | 'origins' | 'at' | 'headsOf' | 'lastsOf' | 'of' | 'isProven' | 'reached'
  >;
  /** The state in the last record of an instance. */
  stateOf(this: void, origin: InstanceId): State | undefined;
  /** The highest sequence that was received from an instance; 0 for none. */
  heardOf(this: void, origin: InstanceId): number;
  /** Whether channels of all servers are among these. */
  isWhole(isConcerned: InterruptedChannels): boolean;
  /** Asks an instance for one page. Rejects if it does not answer, or if the signal says that nobody needs it. */
  ask(origin: InstanceId, question: PullQuestion, signal: AbortSignal): Promise<PulledPage>;
  /**
   * Reads a page that an instance left when it ended; resolves to undefined if there is none. Undefined: no instance leaves any.
   */
  readonly readLeft?:
    ((origin: InstanceId, question: PullQuestion) => Promise<PulledPage | undefined>) | undefined;
  /** Delivers an event, unless it has come before. */
  deliver(origin: InstanceId, arrival: NumberedArrival): void;
  /** Whether an event has come before. */
  hasCome(origin: InstanceId, arrival: NumberedArrival): boolean;
  /** Events of an instance on some channels may be lost. */
  gap(gap: EventGap, isConcerned: InterruptedChannels): void;
  /** The outage is over. */
  ended(starts: Starts, isConcerned: InterruptedChannels): void;
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
  private readonly questions: Questions<PulledPage | undefined>;
  private scope = 0;
  /** Up to where the pages of an instance went, until a mark proves as much. */
  private readonly pulled = new Map<InstanceId, LanePositions>();
  /** Where the events of silent instances begin to be missing, for the case that they come back. */
  private readonly lost = new Map<
    InstanceId,
    { readonly start: Start; readonly concerns: readonly InterruptedChannels[] }
  >();
  private readonly passed = new PassedGaps();
  private last: Recent | undefined;

  constructor(
    private readonly deps: CatchUpDeps,
    private readonly maxAskedAtOnce = MAX_ASKED_AT_ONCE,
  ) {
    this.questions = new Questions({
      ask: (pull, signal) => this.ask(pull, signal),
      take: (pull, page) => this.take(pull, page),
      unanswered: (pull) => this.unanswered(pull),
      settled: () => this.endIfDone(),
      failed: deps.failed,
    });
  }

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
    // It is part of what is missing anyway.
    if (this.outage?.ofAll === true) return;
    const start = this.startOf(origin);
    if (this.deps.stateOf(origin) === 'alive') {
      this.only(origin, start, [ALL]);
      this.recordRead(origin, 0);
    } else {
      this.wasGone(this.outageOf([ALL]), origin, start);
      this.endIfDone();
    }
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
    for (const pull of open) if (areFew || this.isBehind(pull)) this.questions.add(pull);
    this.endIfDone();
  }

  /** A changed record was read. {@link CatchUpDeps} knows it. */
  recordRead(origin: InstanceId, version: number): void {
    const state = this.deps.stateOf(origin);
    if (state === 'alive' || this.hasLeft(origin)) this.returned(origin);
    else if (state === 'ended') this.lost.delete(origin);
    if (this.isNewlyFound(origin)) this.onlyRecent(origin, true);
    const { outage } = this;
    if (outage === undefined || !(outage.ofAll || outage.pulls.has(origin))) return;
    const before = outage.pullOf(origin);
    // It was taken for a publisher that answers nothing.
    const isFound = !before.known && before.state === 'done';
    const pull = isFound ? outage.add(origin, FROM_NOTHING, true) : before;
    pull.known = true;
    pull.version = version;
    if (pull.state === 'done') return;
    if (state !== 'alive') this.gone(outage, pull, state === 'ended');
    else if (outage.heardSince === undefined || pull.state !== 'waiting') return;
    else if (this.isBehind(pull)) this.questions.add(pull);
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
    this.passed.forget(origin);
    const pull = outage?.pulls.get(origin);
    if (outage === undefined || pull === undefined || pull.state === 'done') return;
    this.gone(outage, pull, false);
    this.lost.delete(origin);
    this.passed.forget(origin);
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
    if (outage.heardSince !== undefined && pull.known) this.questions.add(pull);
    return true;
  }

  close(): void {
    this.endQuestions();
    this.outage = undefined;
    this.held.clear();
    this.pulled.clear();
    this.lost.clear();
    this.passed.clear();
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
    const isMissing = isBeyond(positions.headsOf(origin), start.from);
    if (!outage.wasGivenUp(origin, start, positions.lastsOf(origin))) {
      if (isMissing && this.hasLeft(origin)) {
        this.readLeft(outage, outage.add(origin, start, true));
        return;
      }
      const pull = outage.addGone(origin, start);
      if (isMissing) this.giveUp(outage, pull);
    }
    if (stateOf(origin) === 'lost') this.mayReturn(outage, origin, start);
  }

  /** Whether an instance has ended, and may have left what it had published. */
  private hasLeft(origin: InstanceId): boolean {
    return this.deps.readLeft !== undefined && this.deps.stateOf(origin) === 'ended';
  }

  /** Everything that is missing is read where the instance has left it. */
  private readLeft(outage: Outage, pull: Pull): void {
    if (!pull.hasEnded) {
      pull.hasEnded = true;
      // Pages that were left have other cursors.
      pull.cursor = undefined;
      pull.failingSince = undefined;
    }
    if (outage.heardSince !== undefined) this.questions.add(pull);
  }

  private giveUp(outage: Outage, pull: Pull): void {
    const { origin: instanceId, heard } = pull;
    const { positions } = this.deps;
    pull.givenUpTo = positions.lastsOf(instanceId);
    positions.reached(instanceId, positions.headsOf(instanceId));
    const gap: EventGap = { instanceId, from: heard + 1, to: null, reason: 'no-answer' };
    this.deps.gap(gap, outage.isConcerned);
  }

  private mayReturn({ concerns }: Outage, origin: InstanceId, start: Start): void {
    const before = this.lost.get(origin);
    const all = [...(before?.concerns ?? []), ...concerns];
    this.lost.set(origin, { start: before?.start ?? start, concerns: [...new Set(all)] });
  }

  /** An instance that was silent in an earlier outage is back, or has left its history: the events of then are asked for. */
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
    this.outageOf(concerns).add(origin, start, known);
  }

  /** An outage of which everything can be heard again. */
  private outageOf(concerns: readonly InterruptedChannels[]): Outage {
    let { outage } = this;
    if (outage === undefined) {
      outage = this.begin();
      outage.heardSince = 0;
    }
    this.scope++;
    outage.addConcerns(concerns);
    return outage;
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
    if (isFinal && this.hasLeft(origin) && this.isBehind(pull)) {
      this.readLeft(outage, pull);
      return;
    }
    this.pulled.delete(origin);
    if (!isFinal || this.isBehind(pull)) this.giveUp(outage, pull);
    // What is missing would come after the held events.
    if (!isFinal && !this.held.has(origin)) this.mayReturn(outage, origin, start);
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
    return this.deps.hasCome(origin, arrival) || this.passed.has(origin, arrival);
  }

  private isBehind({ origin, from }: Pull): boolean {
    const lasts = this.deps.positions.lastsOf(origin);
    // A lane that was left is not listed for ever: only its origin knows what was published on it.
    return isBeyond(lasts, from) || [...from.keys()].some((lane) => !lasts.has(lane));
  }

  private ask(pull: Pull, signal: AbortSignal): Promise<PulledPage | undefined> {
    const { deps, outage, scope } = this;
    const { origin, from, cursor, hasEnded } = pull;
    const { isConcerned } = outage ?? new Outage();
    const question = { from, cursor, isConcerned, scope };
    if (!hasEnded) return deps.ask(origin, question, signal);
    return deps.readLeft?.(origin, question) ?? Promise.resolve(undefined);
  }

  private take(pull: Pull, page: PulledPage | undefined): void {
    const { outage } = this;
    if (outage === undefined) return;
    const { origin: instanceId } = pull;
    if (page === undefined) {
      this.giveUp(outage, pull);
      this.finish(outage, pull);
      return;
    }
    const { arrivals, upTo, cursor, forgotten } = page;
    if (cursor !== undefined && cursor <= (pull.cursor ?? -1)) throw new TypeError('it goes back');
    const reached = furthest(pull.from, upTo);
    if (reached.size > 2 * MAX_LANES) throw new TypeError('it has too many lanes');
    pull.failures = 0;
    pull.failingSince = undefined;
    if (forgotten !== undefined) {
      this.tellForgotten(outage, pull, forgotten);
      // The waiting events come before everything that the page has.
      const held = this.held.takeUpTo(instanceId, forgotten);
      this.deliver(instanceId, held);
    }
    this.deliver(instanceId, arrivals);
    pull.from = reached;
    const { told } = pull;
    if (told !== undefined && arrivals.length > 0) this.pass(outage, pull, pull.from, told.to);
    pull.cursor = cursor;
    if (cursor !== undefined) return;
    // Events that were dropped while it was asked are on a further page.
    if (!pull.hasEnded && this.held.hasDropped(instanceId)) return;
    const lasts = this.deps.positions.lastsOf(instanceId);
    // It published after it had left its history.
    if (pull.hasEnded && isBeyond(lasts, pull.from)) this.giveUp(outage, pull);
    this.finish(outage, pull);
  }

  /** Each page may say it. */
  private tellForgotten(outage: Outage, pull: Pull, to: number): void {
    const { origin: instanceId, heard, told } = pull;
    if (told !== undefined && told.from <= to && to <= told.to) return;
    // The right to publish on a channel decides what was heard, so that is for the report only.
    const from = Math.min(heard + 1, to);
    pull.told = { from: Math.min(from, told?.from ?? from), to: Math.max(to, told?.to ?? to) };
    pull.heard = Math.max(heard, to);
    this.deps.gap({ instanceId, from, to, reason: 'forgotten' }, outage.isConcerned);
  }

  /** Returns whether to ask again. */
  private unanswered(pull: Pull): boolean {
    const { outage } = this;
    if (outage === undefined) return false;
    const now = performance.now();
    pull.failingSince ??= now;
    // An earlier record does not have the last number of the events that are missing.
    const isKnown = pull.hasEnded || pull.version > (outage.heardSince ?? Infinity);
    if (now - pull.failingSince < NO_ANSWER_MS || !isKnown) return true;
    this.giveUp(outage, pull);
    this.finish(outage, pull);
    return false;
  }

  private endQuestions(): void {
    this.questions.end();
    this.outage?.waitAgain();
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
    this.deliver(origin, this.held.take(origin));
    // Of a lost instance nothing came later, and it may come back.
    if (pull.givenUpTo === undefined || this.lost.has(origin)) return;
    this.pass(outage, pull, pull.givenUpTo, Infinity);
  }

  /** Later events follow a gap: from now on its own would be out of order. */
  private pass(outage: Outage, pull: Pull, upTo: LanePositions, last: number): void {
    this.passed.add({ pull, upTo, last, concerns: [...outage.concerns] });
  }

  /** Delivers events of pages, and held ones, but for those that are given up. */
  private deliver(origin: InstanceId, arrivals: readonly NumberedArrival[]): void {
    for (const arrival of arrivals) {
      if (!this.passed.has(origin, arrival)) this.deps.deliver(origin, arrival);
    }
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
    this.deps.ended(outage.starts, outage.isConcerned);
  }
}

/** Whether a publisher of which nothing is known may be an instance, and something of it may be missing. */
function mayBeNew({ ofAll, pulls }: Outage): boolean {
  return ofAll && pulls.size < MAX_PULLS;
}
