import type { Subscription } from 'rxjs';
import { isPassing, PropagatorError, reasonOf } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { markRepeated, sequenceOf } from '../wire/envelope.js';
import { Outbox } from './outbox.js';
import { publishToOthers } from './publish-to-others.js';
import { RecentPublishes, type RecentSelection } from './recent-publishes.js';

const LAST_CHANCE_MS = 1_000;

type Options = Pick<ResolvedOptions, 'outbox' | 'repair'>;

interface PublishFlags {
  /** It does not wait for Redis. */
  readonly failFast?: boolean;
  /** It does not wait for anything, and nobody gets it later. */
  readonly volatile?: boolean;
  /** What it keeps its order with: its channel, or the one that it would have gone over. */
  readonly line?: string;
}

/**
 * Publishes envelopes. What Redis cannot take now waits in the {@link Outbox}; what it took is kept for a while, for
 * instances that could not hear it.
 *
 * @internal
 */
export class EventPublisher {
  private readonly outbox: Outbox | undefined;
  private readonly recent: RecentPublishes | undefined;
  private readonly subscription: Subscription | undefined;
  /** How many of each line are under way, past the outbox. */
  private readonly underWay = new Map<string, number>();
  private last = { sequence: 0, at: -Infinity };

  constructor(
    private readonly pubSub: PubSub,
    { outbox, repair }: Options,
    reporter: Reporter,
  ) {
    this.recent = repair && new RecentPublishes(repair);
    if (outbox === undefined) return;
    this.outbox = new Outbox(
      outbox,
      {
        isOpen: () => this.isOpen(),
        isBusy: (line) => this.underWay.has(line),
        send: ({ channel, bytes, repeated }) => {
          if (repeated) markRepeated(bytes);
          return this.send(channel, bytes);
        },
        isPassing,
      },
      reporter,
    );
    this.subscription = pubSub.state$.subscribe((state) => {
      if (state === 'ready') this.outbox?.flush();
    });
  }

  /** How much waits for Redis. */
  get backlog(): { readonly events: number; readonly bytes: number } {
    return { events: this.outbox?.size ?? 0, bytes: this.outbox?.bytes ?? 0 };
  }

  /**
   * Resolves to the number of other instances that it was handed to.
   *
   * @throws PropagatorError what `PubSub.publish` rejects with, `outbox.full`, `outbox.expired`
   */
  publish(
    channel: string,
    bytes: Buffer,
    { failFast = false, volatile = false, line = channel }: PublishFlags = {},
  ): Promise<number> {
    const { outbox } = this;
    const waits = !failFast && !volatile;
    if (outbox === undefined) return this.send(channel, bytes, !volatile);
    if (outbox.holds(line)) {
      const reason = 'earlier events for the same target wait for Redis';
      if (!waits) return Promise.reject(PropagatorError.of('redis.unavailable', [reason]));
      return this.keep(outbox, { channel, line, bytes, repeated: false, reason });
    }
    if (waits && !this.isOpen()) {
      const reason = `Redis is not reachable, the state is "${this.pubSub.state}"`;
      return this.keep(outbox, { channel, line, bytes, repeated: false, reason });
    }
    return this.sendPast(outbox, channel, bytes, { waits, volatile, line });
  }

  /** What was published to some channels since so many ms ago, as far as it is kept. */
  since(ageMs: number, isWanted?: (channel: string) => boolean): RecentSelection {
    if (this.recent !== undefined) return this.recent.since(ageMs, isWanted);
    const { sequence, at } = this.last;
    const forgotten = at >= performance.now() - ageMs ? sequence : undefined;
    return { publishes: [], forgotten };
  }

  /** Gives what waits a last chance: a Redis that is away may be back in a moment, or not. */
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
    this.recent?.clear();
  }

  private isOpen(): boolean {
    // Closed for good: the error says so.
    return this.pubSub.state === 'closed' || (this.pubSub.isOpen?.() ?? true);
  }

  private keep(
    outbox: Outbox,
    publish: Omit<Parameters<Outbox['add']>[0], 'sequence'>,
  ): Promise<number> {
    const kept = outbox.add({ ...publish, sequence: sequenceOf(publish.bytes) });
    // It may be possible by now.
    outbox.flushLine(publish.line);
    return kept;
  }

  /** What fails of this may go to the outbox: until that is known nothing leaves it in this line. */
  private sendPast(
    outbox: Outbox,
    channel: string,
    bytes: Buffer,
    { waits, volatile, line }: { waits: boolean; volatile: boolean; line: string },
  ): Promise<number> {
    const { underWay } = this;
    underWay.set(line, (underWay.get(line) ?? 0) + 1);
    const over = (): void => {
      const left = (underWay.get(line) ?? 1) - 1;
      if (left > 0) underWay.set(line, left);
      else underWay.delete(line);
      if (left === 0 && outbox.holds(line)) outbox.flushLine(line);
    };
    return this.send(channel, bytes, !volatile).then(
      (instances) => {
        over();
        return instances;
      },
      (error: PropagatorError) => {
        if (!waits || !isPassing(error)) {
          over();
          throw error;
        }
        const { message: reason } = error;
        const kept = this.keep(outbox, { channel, line, bytes, repeated: true, reason });
        over();
        return kept;
      },
    );
  }

  /** Rejects with a PropagatorError. */
  private send(channel: string, bytes: Buffer, keep = true): Promise<number> {
    const sequence = sequenceOf(bytes);
    this.last = { sequence: Math.max(sequence, this.last.sequence), at: performance.now() };
    const { recent } = this;
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
