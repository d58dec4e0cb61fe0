import type { EventGap } from '../cluster/event-gap.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';
import { after, guarded, type Failed } from '../reporting/timers.js';
import type { LanePositions } from '../routing/lanes.js';
import type { InstanceId } from '../wire/envelope.js';
import { HoldBackQueue, type NumberedArrival } from './hold-back-queue.js';
import { furthest, isBeyond, type Positions, type PositionsByOrigin } from './positions.js';

/** Pages come over one connection: so many instances are asked at a time. */
const MAX_ASKED = 4;
/** The pauses before an instance that did not answer is asked again, growing up to the last. */
const PAUSE_MS = [100, 1_000] as const;
/** The most that is held of live events. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;
/** After this many interruptions their channels are no longer told apart. */
const MAX_CONCERNS = 16;

const NOWHERE: LanePositions = new Map();

/** A page of the events that an instance has published. @internal */
export interface PulledPage {
  readonly arrivals: readonly NumberedArrival[];
  /** With it, everything up to these numbers is there. */
  readonly upTo: LanePositions;
  /** Where the next page begins; undefined: this is the last one. */
  readonly cursor: number | undefined;
  /** The highest sequence of events that the instance no longer has; undefined: none. */
  readonly forgotten: number | undefined;
}

/** @internal */
export interface PullQuestion {
  readonly from: LanePositions;
  readonly cursor: number | undefined;
  /** Whether a channel may have been missed. The same function for all questions of one outage. */
  readonly isConcerned: InterruptedChannels;
}

/** @internal */
export interface CatchUpDeps {
  readonly positions: Pick<Positions, 'all' | 'origins' | 'at' | 'lastsOf' | 'of'>;
  /** Asks an instance for one page. Rejects if it does not answer, or if the signal says that nobody needs it. */
  ask(origin: InstanceId, question: PullQuestion, signal: AbortSignal): Promise<PulledPage>;
  /** Delivers an event, unless it has come before. */
  deliver(origin: InstanceId, arrival: NumberedArrival): void;
  /** Whether an event has come before. */
  hasCome(origin: InstanceId, arrival: NumberedArrival): boolean;
  /** Events of an instance may be lost: up to this sequence, or an unknown one. */
  gap(origin: InstanceId, gap: Pick<EventGap, 'to' | 'reason'>): void;
  readonly failed: Failed;
}

/** What is missing of one instance. */
interface Pull {
  readonly origin: InstanceId;
  from: LanePositions;
  cursor: number | undefined;
  /** `waiting`: it may have published nothing. `asking`: in the queue, or asked. */
  state: 'waiting' | 'asking' | 'done';
  /** Whether the instance has a record. Others publish events, too, and answer nothing. */
  known: boolean;
  failures: number;
}

interface Outage {
  readonly concerns: InterruptedChannels[];
  readonly pulls: Map<InstanceId, Pull>;
  /** The number of pulls that are not done. */
  open: number;
  /** The version of the records when everything could be heard again; undefined: not yet. */
  heardSince: number | undefined;
  /** Ends the questions of this turn. */
  turn: AbortController;
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
  /** Up to where the pages of an instance went, until a mark proves as much. */
  private readonly pulled = new Map<InstanceId, LanePositions>();
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(private readonly deps: CatchUpDeps) {}

  get isUnderway(): boolean {
    return this.outage !== undefined;
  }

  get heldBytes(): number {
    return this.held.bytes;
  }

  /**
   * Messages of some channels may be missed from now on.
   *
   * @param since if some could not be heard even before: the moment, in monotonic time
   */
  interrupted(isConcerned: InterruptedChannels, since?: number): void {
    const { positions } = this.deps;
    const base: PositionsByOrigin =
      since === undefined ? positions.all : (positions.at(since) ?? new Map());
    this.endQuestions();
    this.outage ??= {
      concerns: [],
      pulls: new Map(),
      open: 0,
      heardSince: undefined,
      turn: new AbortController(),
    };
    const { outage } = this;
    outage.heardSince = undefined;
    outage.concerns.push(isConcerned);
    if (outage.concerns.length > MAX_CONCERNS) outage.concerns.splice(0, Infinity, () => true);
    for (const origin of positions.origins) {
      const pull = outage.pulls.get(origin);
      if (pull === undefined || pull.state === 'done') {
        outage.pulls.set(origin, newPull(origin, base.get(origin), true));
        outage.open++;
      }
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
    for (const pull of outage.pulls.values()) {
      if (this.isBehind(pull)) this.enqueue(pull);
    }
    this.endIfDone();
  }

  /** A changed record was read. {@link CatchUpDeps.positions} knows it. */
  recordRead(origin: InstanceId, version: number): void {
    const { outage } = this;
    if (outage === undefined) return;
    const pull = this.pullOf(outage, origin);
    pull.known = true;
    if (outage.heardSince === undefined || pull.state !== 'waiting') return;
    if (this.isBehind(pull)) this.enqueue(pull);
    else if (version > outage.heardSince) this.finish(outage, pull);
  }

  /** All changed records were read, since {@link heardAgain}. A publisher without one is no instance: it answers nothing. */
  recordsRead(): void {
    const { outage } = this;
    if (outage?.heardSince === undefined) return;
    for (const pull of outage.pulls.values()) if (!pull.known) this.finish(outage, pull);
    this.endIfDone();
  }

  /** A mark was heard: what the positions prove needs no memory here. */
  proven(): void {
    for (const [origin, upTo] of this.pulled) {
      if (!isBeyond(upTo, this.deps.positions.of(origin))) this.pulled.delete(origin);
    }
  }

  /**
   * An instance has ended: it answers nothing more.
   *
   * @param isFinal whether its record says all that it published
   */
  gone(origin: InstanceId, isFinal: boolean): void {
    const { outage } = this;
    this.pulled.delete(origin);
    const pull = outage?.pulls.get(origin);
    if (outage === undefined || pull === undefined || pull.state === 'done') return;
    if (!isFinal || this.isBehind(pull)) this.deps.gap(origin, { to: null, reason: 'no-answer' });
    this.finish(outage, pull);
    this.endIfDone();
  }

  /** A live event came in. Returns whether it is held, or was dropped as it has come before. */
  intercept(origin: InstanceId, arrival: NumberedArrival): boolean {
    const { outage } = this;
    if (this.wasPulled(origin, arrival)) return true;
    if (outage === undefined || !this.isConcerned(outage, arrival.channel)) return false;
    // A publisher that is no instance.
    if (arrival.lane === 0 && !outage.pulls.has(origin)) return false;
    const pull = this.pullOf(outage, origin);
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
  }

  private isConcerned({ concerns }: Outage, channel: string): boolean {
    return concerns.some((isConcerned) => isConcerned(channel));
  }

  /** On another connection a page may overtake the events that are on it. */
  private wasPulled(origin: InstanceId, arrival: NumberedArrival): boolean {
    if (this.pulled.size === 0) return false;
    const upTo = this.pulled.get(origin);
    if (upTo === undefined) return false;
    const { lane, number } = arrival;
    if (lane > 0 && number > (upTo.get(lane) ?? 0)) return false;
    // It may be of a channel that was not asked for.
    return this.deps.hasCome(origin, arrival);
  }

  private pullOf(outage: Outage, origin: InstanceId): Pull {
    let pull = outage.pulls.get(origin);
    if (pull === undefined) {
      // It came since the interruption.
      pull = newPull(origin, NOWHERE, false);
      outage.pulls.set(origin, pull);
      outage.open++;
    }
    return pull;
  }

  private isBehind({ origin, from, state }: Pull): boolean {
    return state !== 'done' && isBeyond(this.deps.positions.lastsOf(origin), from);
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
    const isConcerned: InterruptedChannels = (channel) => this.isConcerned(outage, channel);
    try {
      while (!signal.aborted && pull.state === 'asking') {
        const { origin, from, cursor } = pull;
        const page = await this.deps.ask(origin, { from, cursor, isConcerned }, signal);
        if (signal.aborted || pull.state !== 'asking') return;
        this.take(outage, pull, page);
      }
    } catch {
      if (!signal.aborted && pull.state === 'asking') this.askLater(outage, pull);
    } finally {
      if (!signal.aborted) {
        this.asked--;
        this.askNext();
        this.endIfDone();
      }
    }
  }

  private take(
    outage: Outage,
    pull: Pull,
    { arrivals, upTo, cursor, forgotten }: PulledPage,
  ): void {
    const { origin } = pull;
    if (cursor !== undefined && cursor <= (pull.cursor ?? -1)) throw new TypeError('it goes back');
    pull.failures = 0;
    if (forgotten !== undefined) this.deps.gap(origin, { to: forgotten, reason: 'forgotten' });
    for (const arrival of arrivals) this.deps.deliver(origin, arrival);
    pull.from = furthest(pull.from, upTo);
    pull.cursor = cursor;
    // What was dropped while it was asked is on a further page.
    if (cursor === undefined && !this.held.hasDropped(origin)) this.finish(outage, pull);
  }

  private askLater({ turn }: Outage, pull: Pull): void {
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
    const { outage } = this;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.queue.length = 0;
    this.asked = 0;
    if (outage === undefined) return;
    outage.turn.abort();
    outage.turn = new AbortController();
    for (const pull of outage.pulls.values()) if (pull.state === 'asking') pull.state = 'waiting';
  }

  /** Everything of the instance up to now is there: its held events follow. */
  private finish(outage: Outage, pull: Pull): void {
    const { origin, from } = pull;
    if (pull.state === 'done') return;
    pull.state = 'done';
    outage.open--;
    if (from.size > 0) this.pulled.set(origin, from);
    this.held.hasDropped(origin);
    for (const arrival of this.held.take(origin)) this.deps.deliver(origin, arrival);
  }

  private endIfDone(): void {
    const { outage } = this;
    if (outage?.heardSince !== undefined && outage.open === 0) this.outage = undefined;
  }
}

function newPull(origin: InstanceId, from: LanePositions = NOWHERE, known: boolean): Pull {
  return { origin, from, cursor: undefined, state: 'waiting', known, failures: 0 };
}
