import type { Subscription } from 'rxjs';
import { reasonOf } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { InterruptedChannels, PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Envelope, InstanceId } from '../wire/envelope.js';
import type { ClusterBus } from '../cluster/cluster-bus.js';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterService } from '../cluster/cluster.service.js';
import { RecentDepartures } from './recent-departures.js';
import type { Arrival } from '../routing/event-receiver.js';
import {
  lastHeardFrom,
  newOutage,
  isPartial,
  extend,
  mayConcern,
  unrepaired,
  type Outage,
  RecentRepair,
  PendingChannels,
} from './outage.js';
import { Backfill } from './backfill.js';
import type { ReceivedLog } from '../routing/received-log.js';
import { RepairClient } from './repair-client.js';
import { saysOpen } from '../channels/says-open.js';
import { after, guarded, type Failed } from '../reporting/timers.js';

/** Look back this much further, to cover messages in flight when the connection broke or stalled. */
const MARGIN_MS = 5_000;
/**
 * For a part of a Cluster only pings, seconds apart, show whether it works: two of them, and twice the time for a
 * busy process.
 */
const PART_MARGIN_MS = 15_000;
/** If some channels stay unsubscribed, the others are repaired after this time. */
const SUBSCRIBED_WITHIN_MS = 5_000;
/** How long to keep retrying an instance that does not reply and is no longer a member. */
const ABSENT_MS = 5_000;
/** The pauses between attempts, growing up to the last. */
const PAUSE_MS = [100, 1_000] as const;
/** A reply that was lost is requested again after this time at most, because live events are held until then. */
const REPLY_TIMEOUT_MS = 5_000;

interface GapRepairDeps {
  readonly pubSub: PubSub;
  readonly bus: ClusterBus;
  readonly requests: Pick<ClusterRequests, 'request'>;
  readonly cluster: ClusterService;
  readonly reporter: Reporter;
  readonly log: ReceivedLog;
  /** The channels that this instance wants. */
  channels(): Iterable<string>;
  deliver(arrival: Arrival): void;
}

type Options = Pick<
  ResolvedOptions,
  'requestTimeoutMs' | 'heartbeatIntervalMs' | 'memberTimeoutMs' | 'repair'
>;

/**
 * Recovers missed events. After its subscribed connection was lost and restored, this instance asks all others for
 * the events that they published meanwhile. The live events of an instance are held until it has replied, so that its
 * events are delivered in order, each once. Events that no instance has any more are reported as a gap.
 *
 * @internal
 */
export class GapRepair {
  private readonly backfill: Backfill;
  private readonly client: RepairClient;
  private readonly departures: RecentDepartures;
  private readonly subscriptions: Subscription[] = [];
  private stopListening: (() => void) | undefined;
  private outage: Outage | undefined;
  private readonly pendingChannels: PendingChannels;
  private readonly recentRepair = new RecentRepair();
  private asking = false;
  private repairs = 0;
  private fallback: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly failed: Failed;

  constructor(
    private readonly deps: GapRepairDeps,
    private readonly options: Options,
  ) {
    this.failed = deps.reporter.failure('repair.failed', () => 'missed events');
    this.pendingChannels = new PendingChannels(deps);
    this.departures = new RecentDepartures(options);
    this.backfill = new Backfill(deps);
    const timeoutMs = Math.min(options.requestTimeoutMs, REPLY_TIMEOUT_MS);
    const listener = {
      deliver: this.backfill.deliver.bind(this.backfill),
      release: (origin: InstanceId) => this.backfill.release(origin, this.pendingChannels),
    };
    this.client = new RepairClient(deps, listener, timeoutMs);
  }

  start(): void {
    const { pubSub } = this.deps;
    if (this.options.repair === undefined || this.stopListening !== undefined) return;
    this.stopListening = pubSub.onInterruption?.((concerns, since) =>
      this.beginOutage(concerns, since),
    );
    this.subscriptions.push(
      pubSub.state$.subscribe(
        guarded(this.failed, (state) => (state === 'ready' ? this.ready() : undefined)),
      ),
      this.deps.cluster.changes$.subscribe(
        guarded(this.failed, (change) => {
          this.departures.changed(change);
          if (change.type !== 'joined') return;
          this.client.enqueue(change.member.instanceId);
          this.returned(change.member.instanceId);
        }),
      ),
    );
  }

  /** The current repair, and past ones. */
  get status(): {
    readonly underway: boolean;
    readonly heldBytes: number;
    readonly repairs: number;
  } {
    const { isUnderway: underway, backfill, repairs } = this;
    return { underway, heldBytes: backfill.bytes, repairs };
  }

  /**
   * Holds an incoming envelope, or drops it as a duplicate, and returns true. Returns false if it should be delivered
   * now.
   */
  intercept(envelope: Envelope, channel: string, bytes: Buffer): boolean {
    const { origin, sequence } = envelope;
    if (this.backfill.isDuplicate(envelope, channel)) return true;
    // An instance that comes back flushes its outbox before it announces itself.
    if (this.outage === undefined && this.recentRepair.isRemembered) {
      this.returned(origin, channel);
    }
    if (!this.mayHaveMissed(origin, channel)) return false;
    this.backfill.hold(origin, { channel, sequence, bytes });
    return true;
  }

  close(): void {
    this.closed = true;
    this.stopListening?.();
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    clearTimeout(this.fallback);
    this.outage = undefined;
    this.pendingChannels.clear();
    this.backfill.clear();
  }

  private get isUnderway(): boolean {
    return this.outage !== undefined || !this.pendingChannels.isEmpty;
  }

  private mayHaveMissed(origin: InstanceId, channel: string): boolean {
    const { outage, pendingChannels } = this;
    if (pendingChannels.has(channel)) return true;
    if (outage === undefined || outage.repaired.has(origin)) return false;
    return mayConcern(outage, channel);
  }

  /** @param start when the outage began, if the exact moment is known */
  private beginOutage(concerns: InterruptedChannels, start?: number): void {
    if (this.closed) return;
    const { cluster, log, bus } = this.deps;
    if (this.outage !== undefined && isPartial(this.outage)) {
      this.pendingChannels.putBack(this.outage);
      this.outage = undefined;
    }
    const now = performance.now();
    // This instance receives its own heartbeats over that channel.
    const isProven = concerns(bus.channel);
    const since =
      start === undefined && !isProven
        ? now - PART_MARGIN_MS
        : Math.min(now, start ?? cluster.heardItselfAt) - MARGIN_MS;
    this.outage ??= newOutage(since, log.lastOfAll());
    this.outage.since = Math.min(this.outage.since, since);
    extend(this.outage, concerns, this.members());
    for (const origin of this.departures.takeSince(start ?? since, isProven)) {
      this.outage.members.delete(origin);
      this.noAnswer(this.outage, origin);
    }
    this.repairLater();
  }

  private async ready(): Promise<void> {
    if (!this.isUnderway) return;
    // If Redis was down when the app started, the channels for replies are not subscribed yet.
    await this.deps.bus.open();
    await this.repair();
  }

  /** Repeats the last repair with an instance that could not be asked then, because it was cut off as well. */
  private returned(instanceId: InstanceId, channel?: string): void {
    if (this.outage !== undefined || this.closed) return;
    this.outage = this.recentRepair.repeatFor(instanceId, channel);
    if (this.outage !== undefined) this.attempt(() => this.repair());
  }

  private repairLater(): void {
    clearTimeout(this.fallback);
    if (this.closed) return;
    this.fallback = after(SUBSCRIBED_WITHIN_MS, this.failed, () => this.repair()).unref();
  }

  private async repair(): Promise<void> {
    if (this.asking || this.closed || !this.isUnderway) return;
    if (this.canAsk) this.outage ??= this.pendingChannels.take();
    const { outage } = this;
    if (!this.canAsk || outage === undefined) {
      this.repairLater();
      return;
    }
    this.pendingChannels.begin(outage);
    this.asking = true;
    this.repairs++;
    clearTimeout(this.fallback);
    try {
      if (await this.repairAll(outage)) this.end(outage);
      else this.repairLater();
    } catch (error) {
      this.deps.reporter.report('repair.failed', () => reasonOf(error));
      this.end(outage);
    } finally {
      this.asking = false;
    }
    // Another outage may have begun and ended during the repair.
    if (this.deps.pubSub.state === 'ready') this.attempt(() => this.repair());
  }

  /** Runs work that is not awaited. A rejection would end the process, so it is reported. */
  private attempt(act: () => Promise<void>): void {
    guarded(this.failed, act)();
  }

  /** Whether requests can be sent, and replies can arrive. */
  private get canAsk(): boolean {
    const { pubSub, bus, reporter } = this.deps;
    return (saysOpen(pubSub, reporter) ?? true) && bus.isListening;
  }

  /** Returns false if another outage began meanwhile. */
  private async repairAll(outage: Outage): Promise<boolean> {
    const { generation } = outage;
    let quietSince = performance.now();
    const isCurrent = (): boolean => this.outage === outage && outage.generation === generation;
    for (let attempt = 1; ; attempt++) {
      const { size } = outage.repaired;
      const { missing, complete } = await this.client.ask(outage, {
        isWanted: (channel) => this.pendingChannels.isConcerned(outage, channel),
        isCurrent,
      });
      if (this.closed || outage.generation > generation) return false;
      for (const instanceId of missing) outage.members.add(instanceId);
      const open = unrepaired(outage);
      if (complete && open.length === 0) return true;
      // The instances reply one after the other, so each reply extends the wait.
      if (outage.repaired.size > size) quietSince = performance.now();
      if (performance.now() - quietSince > this.patienceMs(open)) return true;
      const [shortest, longest] = PAUSE_MS;
      await new Promise((resolve) => {
        setTimeout(resolve, Math.min(shortest * attempt, longest)).unref();
      });
      if (this.closed || outage.generation > generation || !this.canAsk) return false;
    }
  }

  /** How long to keep asking. A member gets more time: by its end the member has replied, or counts as lost. */
  private patienceMs(open: readonly InstanceId[]): number {
    const members = this.members();
    const lives = open.some((instanceId) => members.has(instanceId));
    return ABSENT_MS + (lives ? this.options.memberTimeoutMs : 0);
  }

  private noAnswer(outage: Outage, origin: InstanceId): void {
    const from = lastHeardFrom(outage, origin) + 1;
    this.backfill.gap(origin, { from, to: null, reason: 'no-answer' });
  }

  private members(): Set<InstanceId> {
    return new Set(this.deps.cluster.otherMembers().map(({ instanceId }) => instanceId));
  }

  private end(outage: Outage): void {
    if (this.outage !== outage || this.closed) return;
    const members = this.members();
    for (const origin of unrepaired(outage)) {
      // An instance that is down is asked again when it comes back. Others without a reply are given up.
      if (outage.isLate || members.has(origin)) outage.repaired.add(origin);
      this.noAnswer(outage, origin);
    }
    this.outage = undefined;
    this.recentRepair.remember(outage);
    // These channels are not subscribed yet. From now on events of the others are delivered at once.
    this.pendingChannels.end(outage);
    this.backfill.releaseAll(this.pendingChannels);
    this.deps.log.dropIndex();
    if (!this.pendingChannels.isEmpty) this.repairLater();
  }
}
