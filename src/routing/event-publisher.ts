import type { Subscription } from 'rxjs';
import { isPassing, PropagatorError, reasonOf } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Target } from '../wire/channel-names.js';
import type { MessageAuthenticator } from '../channels/message-authenticator.js';
import { markRepeated, sequenceOf, stampEnvelope } from '../wire/envelope.js';
import {
  Lanes,
  settle,
  type Lane,
  type LaneBatch,
  type LaneHead,
  type LanePositions,
} from './lanes.js';
import { Outbox } from './outbox.js';
import type { LostPublish, PublishToKeep, QueuedPublish } from './outbox-queue.js';
import type { PublishMode } from './outgoing-event.js';
import { ONE_FOR_ALL, PublishesInFlight, PublishTracker } from './publishes-in-flight.js';
import { publishToOthers } from '../channels/channels.js';
import {
  PublishHistory,
  type Forgotten,
  type HistoryLimits,
  type HistoryPage,
  type HistoryQuestion,
} from './publish-history.js';
import { saysOpen } from '../channels/says-open.js';
import { serverNameOf } from '../channels/server-name.js';
import { guarded, soon, type Failed } from '../reporting/timers.js';

const LAST_CHANCE_MS = 1_000;
const SILENT = 'Redis does not answer';
/** Others may have missed events for so long, where there is no history that says so. */
const KEPT_MS = 60_000;

type Options = Pick<ResolvedOptions, 'outbox' | 'publishTimeoutMs'> & {
  readonly repair: HistoryLimits | undefined;
};

interface PublishFlags {
  /** Handling of the event while Redis cannot take it. */
  readonly mode?: PublishMode;
  /** A volatile event never waits, and no instance gets it later. */
  readonly volatile?: boolean;
  /**
   * The channel with whose events it keeps its order, where the transport keeps the order of each channel only: its
   * own, or the one that it would have gone over.
   */
  readonly orderedWith?: string;
  /** For the report of a loss: the audience and the name of the event. */
  readonly target?: Target;
  readonly event?: string;
}

/** The number of other instances that received an event; undefined if it waits in the outbox. */
type Instances = number | undefined;

interface DirectPublish<R> {
  readonly channel: string;
  readonly orderingKey: string;
  readonly bytes: Buffer;
  /** Whether it goes to the outbox if Redis cannot take it. */
  readonly waits: boolean;
  readonly flags: PublishFlags;
  readonly resultOf: (instances: Instances) => R;
}

/** An event with its number, and the places to settle once the outcome of its publish is known. */
interface HandedOver {
  readonly bytes: Buffer;
  /** The index of the event in the publish history; undefined if the event is not kept there. */
  readonly kept: number | undefined;
  readonly batch: LaneBatch;
}

/**
 * Publishes envelopes. Events that Redis cannot take now wait in the {@link Outbox}. Events that it took are kept for a
 * while in the {@link PublishHistory}, for instances that could not receive them.
 *
 * @internal
 */
export class EventPublisher {
  private readonly outbox: Outbox | undefined;
  private readonly history: PublishHistory | undefined;
  private readonly subscription: Subscription | undefined;
  /** Publishes that did not go through the outbox. */
  private readonly inFlight: PublishesInFlight;
  /** All publishes whose promises are pending. */
  private readonly publishes: PublishTracker;
  private readonly ordersChannels: boolean;
  private degradedSince: number | undefined;
  private lastSequence = 0;
  private lastAt = -Infinity;
  /** The orders in which the transport takes publishes. */
  private readonly lanes: Lanes;
  private lastBytes: Buffer | undefined;
  private lastLane: Lane | undefined;
  private readonly failed: Failed;

  constructor(
    private readonly pubSub: PubSub,
    { outbox, repair, publishTimeoutMs }: Options,
    private readonly reporter: Reporter,
    /** Called with an event that is lost after its promise has resolved. */
    onLoss: (lost: LostPublish, error: PropagatorError) => void,
    /** Signs each envelope when it is handed to the transport. */
    private readonly guard?: Pick<MessageAuthenticator, 'sign'>,
  ) {
    this.failed = reporter.failure('transport.failed', () => 'events that wait for Redis');
    this.inFlight = new PublishesInFlight(this.failed);
    const publishes = new PublishTracker(reporter);
    this.publishes = publishes;
    this.history = repair && new PublishHistory(repair);
    this.ordersChannels = pubSub.ordersChannels === true;
    this.lanes = new Lanes({
      // A transport that says nothing of an order has one for all.
      laneOf: (channel) => pubSub.laneOf?.(channel) ?? ONE_FOR_ALL,
      serverOf: (channel) => serverNameOf(pubSub, channel),
      keptMs: repair?.maxAgeMs ?? KEPT_MS,
    });
    if (outbox === undefined) return;
    const { inFlight, ordersChannels } = this;
    this.outbox = new Outbox(
      outbox,
      {
        ordersChannels,
        isOpen: () => this.isOpen() && !inFlight.isStuck,
        awaySince: () => inFlight.stuckSince ?? (this.isOpen() ? undefined : this.degradedSince),
        isBusy: (orderingKey) => inFlight.has(orderingKey),
        overdue: () => inFlight.overdue,
        send: (publish) => this.sendQueued(publish),
        isPassing,
        lost: (publish, error) => {
          publishes.failed(error);
          onLoss(publish, error);
        },
      },
      reporter,
      publishTimeoutMs,
    );
    this.subscription = pubSub.state$.subscribe(
      guarded(this.failed, (state) => {
        if (state !== 'degraded') this.degradedSince = undefined;
        else this.degradedSince ??= performance.now();
        if (state === 'ready') this.outbox?.flush();
      }),
    );
  }

  /** How much waits for Redis. */
  get backlog(): { readonly events: number; readonly bytes: number } {
    return { events: this.outbox?.size ?? 0, bytes: this.outbox?.bytes ?? 0 };
  }

  /**
   * Whether events wait that Redis may have taken before: others may have heard them, or later ones. Until they are published again the
   * history does not have them.
   */
  get hasRepeated(): boolean {
    return this.outbox?.hasRepeated === true;
  }

  /** Number of publishes without an outcome, the outbox included. */
  get pending(): number {
    return this.publishes.size + (this.outbox?.reportedQueued ?? 0);
  }

  /**
   * Resolves to the result of `resultOf` for the number of other instances that received the event. The number is undefined if the
   * event waits in the outbox and no number is known within `publishTimeoutMs`. A rejection need not be handled.
   *
   * @throws PropagatorError any error of `PubSub.publish`, `outbox.full`, `outbox.expired`
   */
  publish<R>(
    channel: string,
    bytes: Buffer,
    flags: PublishFlags,
    resultOf: (instances: Instances) => R,
  ): Promise<R> {
    const { outbox } = this;
    const { mode, volatile = false, orderedWith = channel } = flags;
    const orderingKey = this.ordersChannels ? ONE_FOR_ALL : orderedWith;
    const waits = outbox !== undefined && mode !== 'fail-fast' && !volatile;
    const reason = this.reasonToWait(orderingKey, waits);
    if (reason === undefined)
      return this.send({ channel, orderingKey, bytes, waits, flags, resultOf });
    const kept = waits
      ? this.keep(outbox, { ...flags, channel, orderingKey, bytes, repeated: false, reason })
      : Promise.reject(unavailable(reason));
    this.publishes.begin();
    return this.publishes.track(kept, resultOf);
  }

  /** How far the transport has taken the events of this instance. */
  heads(): LaneHead[] {
    return this.lanes.heads();
  }

  /** The sequence of the last event that was handed to the transport. */
  get sequence(): number {
    return this.lastSequence;
  }

  /** Events that are not kept any more. */
  get forgotten(): Forgotten {
    return this.history?.forgotten ?? { sequence: this.lastSequence, at: this.lastAt };
  }

  /** Whether something was handed to the transport in the last `ageMs`. */
  hasPublishedWithin(ageMs: number): boolean {
    return this.lastAt >= performance.now() - ageMs;
  }

  /** A page of the events published after some positions, as far as they are kept. */
  after(question: HistoryQuestion): HistoryPage {
    const last = this.lanes.lasts();
    if (this.history !== undefined) return this.history.after(question, last);
    const evicted = new Map(
      [...last].filter(([id, number]) => number > (question.from.get(id) ?? 0)),
    );
    return { publishes: [], upTo: last, cursor: undefined, evicted };
  }

  /**
   * Called when this instance is about to end: forgets all events but the newest ones, up to so many bytes. Returns the highest
   * number on each lane of the forgotten events, of now and of before; undefined if no events are left.
   */
  keepNewest(maxBytes: number): LanePositions | undefined {
    const { history } = this;
    history?.shrink(maxBytes);
    return history === undefined || history.size === 0 ? undefined : history.evictedLanes;
  }

  /** Resolves once no promise of a publish is pending. */
  async drain(): Promise<void> {
    await Promise.all([this.drainOutbox(), this.publishes.drain()]);
  }

  /**
   * Gives waiting events a last chance: a Redis that is down may be back in a moment, or not. A Redis that takes events gets the
   * time that it needs.
   */
  private async drainOutbox(): Promise<void> {
    const { outbox } = this;
    if (outbox === undefined) return;
    for (let before = Infinity; outbox.size > 0 && outbox.size < before;) {
      before = outbox.size;
      let timer: NodeJS.Timeout | undefined;
      const lastChance = new Promise((resolve) => {
        timer = setTimeout(resolve, LAST_CHANCE_MS);
      });
      await Promise.race([outbox.drain(), lastChance]);
      clearTimeout(timer);
      if (!this.isOpen()) outbox.close();
    }
  }

  close(): void {
    this.subscription?.unsubscribe();
    this.outbox?.close();
    this.inFlight.close();
    this.history?.clear();
  }

  private isOpen(): boolean {
    // If it is closed for good, the error of the publish says so.
    return this.pubSub.state === 'closed' || (saysOpen(this.pubSub, this.reporter) ?? true);
  }

  /** Why an event cannot be published at once. Undefined if it can, or if an attempt gives a better reason. */
  private reasonToWait(orderingKey: string, waits: boolean): string | undefined {
    const { outbox, inFlight } = this;
    if (outbox?.holds(orderingKey) === true) return 'earlier events wait for Redis';
    // The publishes in flight are all that a silent Redis may keep in memory.
    if (inFlight.isStuck && (waits || (outbox?.isFull ?? true))) return SILENT;
    // Of a Cluster one part may be slow, and the others are not.
    if (this.ordersChannels && outbox?.isFull === true) return 'Redis answers too slowly';
    if (!waits || this.isOpen()) return undefined;
    return `Redis is not reachable, the state is "${this.pubSub.state}"`;
  }

  private keep(outbox: Outbox, publish: Omit<PublishToKeep, 'sequence'>): Promise<Instances> {
    const kept = outbox.add({ ...publish, sequence: sequenceOf(publish.bytes) });
    // Redis may be back by now.
    outbox.flushQueue(publish.orderingKey);
    return kept;
  }

  /**
   * Publishes without the outbox. A failed event may go to the outbox: until that is known, no other event with its
   * ordering key leaves the outbox.
   */
  private send<R>(publish: DirectPublish<R>): Promise<R> {
    const { channel, orderingKey, bytes, waits, flags, resultOf } = publish;
    const { inFlight, publishes } = this;
    const { length } = bytes;
    const begun = inFlight.begin(orderingKey, length);
    const handed = this.handOver(channel, bytes, flags.volatile !== true);
    const since = this.lastAt;
    publishes.begin();
    const sent = publishToOthers(this.pubSub, channel, handed.bytes).then(
      (instances) => {
        this.taken(handed);
        this.settled(begun, length, true);
        this.release(orderingKey);
        publishes.published(instances);
        return resultOf(instances);
      },
      (thrown: unknown) => {
        sent.catch(() => undefined);
        const error = this.refused(handed, thrown);
        const passing = isPassing(error);
        this.settled(begun, length, !passing);
        const { outbox } = this;
        if (outbox === undefined || !waits || !passing) {
          this.release(orderingKey);
          publishes.refused(error);
          throw error;
        }
        const { message: reason } = error;
        const kept = this.keep(outbox, {
          ...flags,
          channel,
          orderingKey,
          bytes,
          repeated: true,
          reason,
          since,
        });
        this.release(orderingKey);
        return publishes.track(kept, resultOf);
      },
    );
    return sent;
  }

  /** Publishes an event of the outbox. Rejects with a PropagatorError. */
  private sendQueued({ channel, bytes, repeated }: QueuedPublish): Promise<number> {
    // Publishes of the same event to other channels may be in flight.
    const own = repeated ? Buffer.from(bytes) : bytes;
    if (repeated) markRepeated(own);
    const handed = this.handOver(channel, own, true);
    return publishToOthers(this.pubSub, channel, handed.bytes).then(
      (instances) => {
        this.taken(handed);
        return instances;
      },
      (thrown: unknown) => {
        throw this.refused(handed, thrown);
      },
    );
  }

  /** Called right before a publish: gives it its number. */
  private handOver(channel: string, given: Buffer, keep: boolean): HandedOver {
    const sequence = sequenceOf(given);
    if (sequence > this.lastSequence) this.lastSequence = sequence;
    const now = performance.now();
    this.lastAt = now;
    const lane = this.lanes.of(channel);
    // The same event went to another channel a moment ago.
    const isSame = this.lastBytes === given;
    const batch = lane.begin(isSame && this.lastLane === lane);
    const { id, last } = lane;
    this.lastBytes = given;
    this.lastLane = lane;
    const bytes = stampEnvelope(given, id, last);
    this.guard?.sign(bytes, channel);
    const kept = keep ? this.history?.add(channel, bytes, sequence, id, last, now) : undefined;
    return { bytes, kept, batch };
  }

  private taken({ kept, batch }: HandedOver): void {
    settle(batch);
    if (kept !== undefined) this.history?.taken(kept);
  }

  /** The event is published again, or its sender gets this error. */
  private refused({ kept, batch }: HandedOver, thrown: unknown): PropagatorError {
    settle(batch);
    if (kept !== undefined) this.history?.drop(kept);
    // An app's own transport may reject with anything.
    if (thrown instanceof PropagatorError) return thrown;
    return PropagatorError.of('redis.command-failed', ['PUBLISH', reasonOf(thrown)], thrown);
  }

  private settled(
    begun: ReturnType<PublishesInFlight['begin']>,
    bytes: number,
    answered: boolean,
  ): void {
    const { outbox } = this;
    const recovered = this.inFlight.settle(begun, bytes, answered);
    // Later, so that the other replies of this turn are processed first.
    if (recovered && outbox !== undefined) soon(this.failed, () => outbox.flush());
  }

  private release(orderingKey: string): void {
    if (!this.inFlight.release(orderingKey)) return;
    if (this.outbox?.holds(orderingKey) === true) this.outbox.flushQueue(orderingKey);
  }
}

function unavailable(reason: string): PropagatorError {
  return PropagatorError.of('redis.unavailable', [reason]);
}
