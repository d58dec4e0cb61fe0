import type { Subscription } from 'rxjs';
import { isPassing, PropagatorError, reasonOf } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Target } from '../wire/channel-names.js';
import { markRepeated, sequenceOf } from '../wire/envelope.js';
import { Outbox } from './outbox.js';
import type { LostPublish, PublishToKeep } from './outbox-queue.js';
import type { PublishMode } from './outgoing-event.js';
import { PublishesInFlight } from './publishes-in-flight.js';
import { publishToOthers } from '../channels/channels.js';
import { PublishHistory, type RecentSelection } from './publish-history.js';
import { saysOpen } from '../channels/says-open.js';
import { guarded } from '../reporting/timers.js';

const LAST_CHANCE_MS = 1_000;
const SILENT = 'Redis does not answer';

type Options = Pick<ResolvedOptions, 'outbox' | 'repair' | 'publishTimeoutMs'>;

interface PublishFlags {
  /** Handling of the event while Redis cannot take it. */
  readonly mode?: PublishMode;
  /** It does not wait for anything, and nobody gets it later. */
  readonly volatile?: boolean;
  /** The key within which it keeps its order: its channel, or the one that it would have gone over. */
  readonly orderingKey?: string;
  /** For the report of a loss: the audience and the name of the event. */
  readonly target?: Target;
  readonly event?: string;
}

interface PastPublish {
  readonly channel: string;
  readonly orderingKey: string;
  readonly bytes: Buffer;
  readonly waits: boolean;
  readonly flags: PublishFlags;
}

/**
 * Publishes envelopes. Events that Redis cannot take now wait in the {@link Outbox}; those that it took are kept for a
 * while, for instances that could not hear them.
 *
 * @internal
 */
export class EventPublisher {
  private readonly outbox: Outbox | undefined;
  private readonly history: PublishHistory | undefined;
  private readonly subscription: Subscription | undefined;
  /** Past the outbox. */
  private readonly inFlight: PublishesInFlight;
  private degradedSince: number | undefined;
  private last = { sequence: 0, at: -Infinity };

  constructor(
    private readonly pubSub: PubSub,
    { outbox, repair, publishTimeoutMs }: Options,
    private readonly reporter: Reporter,
    /** Called with an event that is lost after its promise has resolved. */
    onLoss: (lost: LostPublish, error: PropagatorError) => void,
  ) {
    const failed = reporter.failure('transport.failed', () => 'events that wait for Redis');
    this.inFlight = new PublishesInFlight(() => this.outbox?.flush(), failed);
    this.history = repair && new PublishHistory(repair);
    if (outbox === undefined) return;
    const { inFlight } = this;
    this.outbox = new Outbox(
      outbox,
      {
        isOpen: () => this.isOpen() && !inFlight.isStuck,
        awaySince: () => inFlight.stuckSince ?? (this.isOpen() ? undefined : this.degradedSince),
        isBusy: (orderingKey) => inFlight.has(orderingKey),
        stuck: () => inFlight.stuck,
        send: ({ channel, bytes, repeated }) => {
          if (repeated) markRepeated(bytes);
          return this.send(channel, bytes);
        },
        isPassing,
        lost: onLoss,
      },
      reporter,
      publishTimeoutMs,
    );
    this.subscription = pubSub.state$.subscribe(
      guarded(failed, (state) => {
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

  /** Number of events in the outbox whose promises have resolved as queued. */
  get reportedQueued(): number {
    return this.outbox?.reportedQueued ?? 0;
  }

  /**
   * Resolves to the number of other instances that it was handed to; to undefined where it waits in the outbox and that
   * is not known within `publishTimeoutMs`.
   *
   * @throws PropagatorError what `PubSub.publish` rejects with, `outbox.full`, `outbox.expired`
   */
  publish(channel: string, bytes: Buffer, flags: PublishFlags = {}): Promise<number | undefined> {
    const { outbox } = this;
    const { mode, volatile = false, orderingKey = channel } = flags;
    if (outbox === undefined) {
      // What is in flight already is all that a Redis which says nothing may keep in memory.
      if (this.inFlight.isStuck) return Promise.reject(unavailable(SILENT));
      return this.sendPast(undefined, { channel, orderingKey, bytes, waits: false, flags });
    }
    const waits = mode !== 'fail-fast' && !volatile;
    const reason = this.reasonToWait(outbox, orderingKey, waits);
    if (reason === undefined)
      return this.sendPast(outbox, { channel, orderingKey, bytes, waits, flags });
    if (!waits) return Promise.reject(unavailable(reason));
    return this.keep(outbox, { ...flags, channel, orderingKey, bytes, repeated: false, reason });
  }

  /** What was published to some channels since so many ms ago, as far as it is kept. */
  since(ageMs: number, isWanted?: (channel: string) => boolean): RecentSelection {
    if (this.history !== undefined) return this.history.since(ageMs, isWanted);
    const { sequence, at } = this.last;
    const forgotten = at >= performance.now() - ageMs ? sequence : undefined;
    return { publishes: [], lastEvicted: forgotten };
  }

  /** Gives the events that wait a last chance: a Redis that is away may be back in a moment, or not. */
  async drain(): Promise<void> {
    const { outbox } = this;
    if (outbox === undefined || outbox.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const lastChance = new Promise((resolve) => {
      timer = setTimeout(resolve, LAST_CHANCE_MS);
    });
    await Promise.race([outbox.drain(), lastChance]);
    clearTimeout(timer);
    if (!this.isOpen()) outbox.close();
  }

  close(): void {
    this.subscription?.unsubscribe();
    this.outbox?.close();
    this.inFlight.close();
    this.history?.clear();
  }

  private isOpen(): boolean {
    // Closed for good: the error says so.
    return this.pubSub.state === 'closed' || (saysOpen(this.pubSub, this.reporter) ?? true);
  }

  /** Why an event cannot be published at once; undefined where it can, or where trying says more. */
  private reasonToWait(outbox: Outbox, orderingKey: string, waits: boolean): string | undefined {
    if (outbox.holds(orderingKey)) return 'earlier events for the same target wait for Redis';
    if (this.inFlight.isStuck && (waits || outbox.isFull)) return SILENT;
    if (!waits || this.isOpen()) return undefined;
    return `Redis is not reachable, the state is "${this.pubSub.state}"`;
  }

  private keep(
    outbox: Outbox,
    publish: Omit<PublishToKeep, 'sequence'>,
  ): Promise<number | undefined> {
    const kept = outbox.add({ ...publish, sequence: sequenceOf(publish.bytes) });
    // It may be possible by now.
    outbox.flushQueue(publish.orderingKey);
    return kept;
  }

  /** A failed event may go to the outbox: until that is known, no other event with its ordering key leaves the outbox. */
  private sendPast(
    outbox: Outbox | undefined,
    { channel, orderingKey, bytes, waits, flags }: PastPublish,
  ): Promise<number | undefined> {
    const { inFlight } = this;
    const { length } = bytes;
    inFlight.begin(orderingKey, length);
    const sent = this.send(channel, bytes, flags.volatile !== true);
    const since = this.last.at;
    const release = (): void => {
      if (inFlight.release(orderingKey) && outbox?.holds(orderingKey) === true)
        outbox.flushQueue(orderingKey);
    };
    return sent.then(
      (instances) => {
        inFlight.settle(length, true);
        release();
        return instances;
      },
      (error: PropagatorError) => {
        const passing = isPassing(error);
        inFlight.settle(length, !passing);
        if (outbox === undefined || !waits || !passing) {
          release();
          throw error;
        }
        const { message: reason } = error;
        const publish = {
          ...flags,
          channel,
          orderingKey,
          bytes,
          repeated: true,
          reason,
          since,
        };
        const kept = this.keep(outbox, publish);
        release();
        return kept;
      },
    );
  }

  /** Rejects with a PropagatorError. */
  private send(channel: string, bytes: Buffer, keep = true): Promise<number> {
    const sequence = sequenceOf(bytes);
    this.last = { sequence: Math.max(sequence, this.last.sequence), at: performance.now() };
    const { history: recent } = this;
    const kept = keep ? recent?.add(channel, bytes, sequence) : undefined;
    return publishToOthers(this.pubSub, channel, bytes).then(
      (instances) => {
        if (kept !== undefined) kept.at = performance.now();
        return instances;
      },
      (thrown: unknown) => {
        // It is sent once more, or its sender has been told.
        if (kept !== undefined) recent?.drop(kept);
        // An app's own transport may reject with anything.
        if (thrown instanceof PropagatorError) throw thrown;
        throw PropagatorError.of('redis.command-failed', ['PUBLISH', reasonOf(thrown)], thrown);
      },
    );
  }
}

function unavailable(reason: string): PropagatorError {
  return PropagatorError.of('redis.unavailable', [reason]);
}
