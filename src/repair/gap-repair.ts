import type { Subscription } from 'rxjs';
import { reasonOf } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Interrupted, PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Envelope, InstanceId } from '../wire/envelope.js';
import type { ClusterBus } from '../cluster/cluster-bus.js';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterService } from '../cluster/cluster.service.js';
import { Departures } from './recent-departures.js';
import type { Arrival } from '../routing/event-receiver.js';
import {
  heardOf,
  interruptionOf,
  isLeftover,
  merged,
  mayConcern,
  unrepaired,
  type Interruption,
  LastRepair,
  Leftovers,
} from './outage.js';
import { LateEvents } from './backfill.js';
import type { ReceiptLog } from '../routing/received-log.js';
import { RepairQuestions } from './repair-client.js';
import { saysOpen } from '../channels/says-open.js';

/** What was on its way when the connection broke, or got stuck before it did. */
const MARGIN_MS = 5_000;
/** Of a part of a Cluster only its pings, seconds apart, tell whether it is heard: two of them, and twice the time for a busy process. */
const PART_MARGIN_MS = 15_000;
/** Where not everything can be subscribed again: after so long what can be is repaired. */
const SUBSCRIBED_WITHIN_MS = 5_000;
/** Who has not answered may be about to come back as well, and is asked again: for so long when it is no member. */
const ABSENT_MS = 5_000;
/** After this pause, longer each time up to the last. */
const PAUSE_MS = [100, 1_000] as const;
/** What comes from whoever has not answered is held: an answer that got lost is asked for again after at most so long. */
const ANSWER_MS = 5_000;

interface Surroundings {
  readonly pubSub: PubSub;
  readonly bus: ClusterBus;
  readonly requests: ClusterRequests;
  readonly cluster: ClusterService;
  readonly reporter: Reporter;
  readonly log: ReceiptLog;
  /** The channels that this instance wants to hear. */
  channels(): Iterable<string>;
  deliver(arrival: Arrival): void;
}

type Options = Pick<
  ResolvedOptions,
  'requestTimeoutMs' | 'heartbeatIntervalMs' | 'memberTimeoutMs' | 'repair'
>;

/**
 * Gets back what this instance could not hear. After its subscribed connection was gone it asks all others for what
 * they have published since, once it is subscribed again. Until an instance has answered, what comes from it is held:
 * so its events are delivered in its order, each once. What cannot be had any more is told as a gap.
 *
 * @internal
 */
export class GapRepair {
  private readonly late: LateEvents;
  private readonly questions: RepairQuestions;
  private readonly departures: Departures;
  private readonly subscriptions: Subscription[] = [];
  private stopListening: (() => void) | undefined;
  private interruption: Interruption | undefined;
  private readonly leftovers: Leftovers;
  private readonly lastRepair = new LastRepair();
  private asking = false;
  private repairs = 0;
  private fallback: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly around: Surroundings,
    private readonly options: Options,
  ) {
    this.leftovers = new Leftovers(around);
    this.departures = new Departures(options);
    this.late = new LateEvents(around);
    const timeoutMs = Math.min(options.requestTimeoutMs, ANSWER_MS);
    const answers = {
      deliver: this.late.deliver.bind(this.late),
      release: (origin: InstanceId) => this.late.release(origin, this.leftovers),
    };
    this.questions = new RepairQuestions(around, answers, timeoutMs);
  }

  start(): void {
    const { pubSub } = this.around;
    if (this.options.repair === undefined || this.stopListening !== undefined) return;
    this.stopListening = pubSub.onInterruption?.((concerns, since) =>
      this.interrupted(concerns, since),
    );
    this.subscriptions.push(
      pubSub.state$.subscribe((state) => {
        if (state === 'ready') this.attempt(() => this.ready());
      }),
      this.around.cluster.changes$.subscribe((change) => {
        this.departures.changed(change);
        if (change.type !== 'joined') return;
        this.questions.joined(change.member.instanceId);
        this.returned(change.member.instanceId);
      }),
    );
  }

  /** What it is doing, and has done. */
  get status(): {
    readonly underway: boolean;
    readonly heldBytes: number;
    readonly repairs: number;
  } {
    const { isUnderway: underway, late, repairs } = this;
    return { underway, heldBytes: late.bytes, repairs };
  }

  /**
   * Takes an envelope that has come in: it is held, or known already. Returns false where it is to be delivered now.
   */
  takes(envelope: Envelope, channel: string, bytes: Buffer): boolean {
    const { origin, sequence } = envelope;
    if (this.late.knows(envelope, channel)) return true;
    // Who comes back flushes its outbox before it says so.
    if (this.interruption === undefined && this.lastRepair.isRemembered) {
      this.returned(origin, channel);
    }
    if (!this.mayHaveMissed(origin, channel)) return false;
    this.late.hold(origin, { channel, sequence, bytes });
    return true;
  }

  close(): void {
    this.closed = true;
    this.stopListening?.();
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    clearTimeout(this.fallback);
    this.interruption = undefined;
    this.leftovers.clear();
    this.late.clear();
  }

  private get isUnderway(): boolean {
    return this.interruption !== undefined || !this.leftovers.isEmpty;
  }

  private mayHaveMissed(origin: InstanceId, channel: string): boolean {
    const { interruption, leftovers } = this;
    if (leftovers.has(channel)) return true;
    if (interruption === undefined || interruption.repaired.has(origin)) return false;
    return mayConcern(interruption, channel);
  }

  /** @param start when it began, where that is known to the moment */
  private interrupted(concerns: Interrupted, start?: number): void {
    if (this.closed) return;
    const { cluster, log, bus } = this.around;
    if (this.interruption !== undefined && isLeftover(this.interruption)) {
      this.leftovers.putBack(this.interruption);
      this.interruption = undefined;
    }
    const now = performance.now();
    // This instance hears its own heartbeats over that channel.
    const isProven = concerns(bus.channel);
    const since =
      start === undefined && !isProven
        ? now - PART_MARGIN_MS
        : Math.min(now, start ?? cluster.heardItselfAt) - MARGIN_MS;
    this.interruption ??= interruptionOf(since, log.lastOfAll());
    this.interruption.since = Math.min(this.interruption.since, since);
    merged(this.interruption, concerns, this.members());
    for (const origin of this.departures.takeSince(start ?? since, isProven)) {
      this.interruption.members.delete(origin);
      this.noAnswer(this.interruption, origin);
    }
    this.repairLater();
  }

  private async ready(): Promise<void> {
    if (!this.isUnderway) return;
    // Where Redis was away when the app started, nothing that answers come over is subscribed yet.
    await this.around.bus.open();
    await this.repair();
  }

  /** Both were away, and it came back later: it was not there to be asked. */
  private returned(instanceId: InstanceId, channel?: string): void {
    if (this.interruption !== undefined || this.closed) return;
    this.interruption = this.lastRepair.onceMoreFor(instanceId, channel);
    if (this.interruption !== undefined) this.attempt(() => this.repair());
  }

  private repairLater(): void {
    clearTimeout(this.fallback);
    if (this.closed) return;
    this.fallback = setTimeout(
      () => this.attempt(() => this.repair()),
      SUBSCRIBED_WITHIN_MS,
    ).unref();
  }

  private async repair(): Promise<void> {
    if (this.asking || this.closed || !this.isUnderway) return;
    if (this.canAsk) this.interruption ??= this.leftovers.take();
    const { interruption } = this;
    if (!this.canAsk || interruption === undefined) {
      this.repairLater();
      return;
    }
    this.leftovers.begin(interruption);
    this.asking = true;
    this.repairs++;
    clearTimeout(this.fallback);
    try {
      if (await this.repairAll(interruption)) this.end(interruption);
      else this.repairLater();
    } catch (error) {
      this.around.reporter.report('repair.failed', () => reasonOf(error));
      this.end(interruption);
    } finally {
      this.asking = false;
    }
    // Interrupted once more while it was repaired, and everything is there again already.
    if (this.around.pubSub.state === 'ready') this.attempt(() => this.repair());
  }

  /** Un-awaited promises: a rejection would end the process, so it is reported. */
  private attempt(act: () => Promise<void>): void {
    this.around.reporter.attempt('repair.failed', () => 'what was missed', act);
  }

  /** Whether questions go out, and answers come in. */
  private get canAsk(): boolean {
    const { pubSub, bus, reporter } = this.around;
    return (saysOpen(pubSub, reporter) ?? true) && bus.isListening;
  }

  /** Returns false where it was interrupted again. */
  private async repairAll(interruption: Interruption): Promise<boolean> {
    const { times } = interruption;
    let quietSince = performance.now();
    const isCurrent = (): boolean =>
      this.interruption === interruption && interruption.times === times;
    for (let attempt = 1; ; attempt++) {
      const { size } = interruption.repaired;
      const { missing, complete } = await this.questions.ask(interruption, {
        isWanted: (channel) => this.leftovers.isConcerned(interruption, channel),
        isCurrent,
      });
      if (this.closed || interruption.times > times) return false;
      for (const instanceId of missing) interruption.members.add(instanceId);
      const open = unrepaired(interruption);
      if (complete && open.length === 0) return true;
      // The others may have had to wait for their turn.
      if (interruption.repaired.size > size) quietSince = performance.now();
      if (performance.now() - quietSince > this.patienceMs(open)) return true;
      const [shortest, longest] = PAUSE_MS;
      await new Promise((resolve) => {
        setTimeout(resolve, Math.min(shortest * attempt, longest)).unref();
      });
      if (this.closed || interruption.times > times || !this.canAsk) return false;
    }
  }

  /** A member that does not answer either does in a moment, or is found to be lost. */
  private patienceMs(open: readonly InstanceId[]): number {
    const members = this.members();
    const lives = open.some((instanceId) => members.has(instanceId));
    return ABSENT_MS + (lives ? this.options.memberTimeoutMs : 0);
  }

  private noAnswer(interruption: Interruption, origin: InstanceId): void {
    const from = heardOf(interruption, origin) + 1;
    this.late.gap(origin, { from, to: null, reason: 'no-answer' });
  }

  private members(): Set<InstanceId> {
    return new Set(this.around.cluster.otherMembers().map(({ instanceId }) => instanceId));
  }

  private end(interruption: Interruption): void {
    if (this.interruption !== interruption || this.closed) return;
    const members = this.members();
    for (const origin of unrepaired(interruption)) {
      // Who is away is asked once more when it comes back; of whoever else has not answered nothing is expected.
      if (interruption.isLate || members.has(origin)) interruption.repaired.add(origin);
      this.noAnswer(interruption, origin);
    }
    this.interruption = undefined;
    this.lastRepair.remember(interruption);
    // These cannot be heard yet. What comes over the others is delivered at once from now on.
    this.leftovers.end(interruption);
    this.late.releaseAll(this.leftovers);
    this.around.log.dropIndex();
    if (!this.leftovers.isEmpty) this.repairLater();
  }
}
