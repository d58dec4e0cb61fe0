import type { Subscription } from 'rxjs';
import type { ClusterBus } from '../cluster/cluster-bus.js';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { EventGap, GapTarget } from '../cluster/event-gap.js';
import type { Membership, MembershipRead } from '../cluster/membership.js';
import type { Channels } from '../channels/channels.js';
import { saysOpen } from '../channels/says-open.js';
import { keepsOrder } from '../channels/server-name.js';
import { PropagatorError } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { InterruptedChannels, PubSub } from '../ports/pub-sub.js';
import { lenientNow } from '../reporting/lenient-now.js';
import type { Reporter } from '../reporting/reporter.js';
import { after, guarded, pause, soon, type Failed } from '../reporting/timers.js';
import type { EventPublisher } from '../routing/event-publisher.js';
import type { EventReceiver } from '../routing/event-receiver.js';
import { markChannel } from '../wire/channel-names.js';
import type { Envelope, InstanceId } from '../wire/envelope.js';
import { fnv1a } from '../wire/fnv.js';
import { CatchUp, type PulledPage, type PullQuestion } from './catch-up.js';
import { Duplicates } from './duplicates.js';
import type { NumberedArrival } from './hold-back-queue.js';
import { Instances } from './instances.js';
import { LateChannels } from './late-channels.js';
import { LaterEvents } from './later-events.js';
import type { LeftPages } from './left-pages.js';
import { Marks } from './marks.js';
import type { Starts } from './outage.js';
import { PageClient } from './pages.js';
import { Positions } from './positions.js';

/** If some channels stay unsubscribed, the others are repaired after this time. */
const SUBSCRIBED_WITHIN_MS = 5_000;
/** If Redis refuses the channels between the instances for this long, the repair goes on without them. */
const MAX_REFUSED_MS = 30_000;
/** While it is not known of an instance whether it has published something: the first pause between two beats, which doubles. */
const FIRST_PAUSE_MS = 200;
/** A reply that was lost is requested again after this time at most, because live events are held until then. */
const REPLY_TIMEOUT_MS = 5_000;
/** For so long positions of the past are known where the history of publishes says nothing of that. */
const KEPT_MS = 60_000;
/** Between two looks whether missed events have come. */
const PAUSE_MS = 20;

interface RepairDeps {
  readonly pubSub: PubSub;
  readonly bus: ClusterBus;
  readonly requests: Pick<ClusterRequests, 'request'>;
  readonly membership: Pick<
    Membership,
    'self' | 'listen' | 'beatNow' | 'recordsData' | 'withoutLanes'
  >;
  readonly publisher: Pick<EventPublisher, 'heads' | 'after'>;
  readonly subscriptions: Channels;
  readonly receiver: Pick<
    EventReceiver,
    'log' | 'channels' | 'listensTo' | 'targetsOf' | 'deliver'
  >;
  readonly reporter: Reporter;
  /** What instances have left that have ended. Undefined with another transport than Redis. */
  readonly left: LeftPages | undefined;
  /** Events of an instance may be lost. */
  reportGap(this: void, gap: EventGap): void;
}

type Options = Pick<
  ResolvedOptions,
  'prefix' | 'requestTimeoutMs' | 'heartbeatIntervalMs' | 'repair'
>;

/**
 * Recovers missed events. With each beat this instance learns what the others have published, and by a mark to itself that it
 * has heard that. After an interruption it asks those for events that have published more than it has heard. Events that no
 * instance has any more are reported as a gap.
 *
 * Without the option `repair` the marks are sent, which show whether this instance hears anything, and duplicates are dropped.
 *
 * @internal
 */
export class Repair {
  /** What an instance has missed that continues the work of an ended one. */
  readonly laterEvents: LaterEvents;
  private readonly positions: Positions;
  private readonly marks: Marks;
  private readonly instances: Instances;
  private readonly pages: PageClient;
  private readonly catchUp: CatchUp;
  private readonly duplicates: Duplicates;
  private readonly late = new LateChannels();
  private readonly failed: Failed;
  private readonly isOn: boolean;
  private stopListening: (() => void)[] = [];
  private subscription: Subscription | undefined;
  /** The version of the last records; 0: none were read. */
  private version = 0;
  private repairs = 0;
  /** Incremented with each interruption. */
  private generation = 0;
  /** The generation for which this instance is about to learn what it has missed. */
  private hearing: number | undefined;
  /** Since when Redis is connected and the channels between the instances are not, in monotonic time (`performance.now()`). */
  private refusedSince: number | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private lastTargets:
    | {
        readonly isConcerned: InterruptedChannels;
        readonly targets: readonly GapTarget[] | undefined;
      }
    | undefined;
  private readonly startedAt = lenientNow();

  constructor(
    private readonly deps: RepairDeps,
    private readonly options: Options,
  ) {
    const { pubSub, receiver, reporter, requests, subscriptions, left } = deps;
    const { membership, publisher } = deps;
    const { repair, heartbeatIntervalMs, requestTimeoutMs } = options;
    const gap = (each: EventGap, isConcerned: InterruptedChannels): void =>
      this.gap(each, isConcerned);
    this.isOn = repair !== undefined;
    this.failed = reporter.failure('repair.failed', () => 'missed events');
    this.positions = new Positions(
      repair?.maxAgeMs ?? KEPT_MS,
      keepsOrder(pubSub) ? 0 : heartbeatIntervalMs,
    );
    this.instances = new Instances(this.positions, reporter);
    this.marks = new Marks({
      pubSub,
      subscriptions,
      reporter,
      heartbeatIntervalMs,
      positions: this.positions,
      proven: () => this.proven(),
    });
    this.duplicates = new Duplicates({ log: receiver.log, reporter, gap });
    const timeoutMs = Math.min(requestTimeoutMs, REPLY_TIMEOUT_MS);
    this.pages = new PageClient({ requests, timeoutMs, channels: () => receiver.channels() });
    const { positions, instances } = this;
    this.laterEvents = new LaterEvents({
      positions,
      instances,
      membership,
      publisher,
      requests,
      left,
      timeoutMs,
    });
    this.catchUp = new CatchUp({
      positions: this.positions,
      stateOf: (origin) => this.instances.stateOf(origin),
      heardOf: (origin) => receiver.log.lastOf(origin),
      isWhole: (isConcerned) => this.marks.areAll(isConcerned),
      ask: (origin, question, signal) => this.ask(origin, question, signal),
      readLeft:
        left &&
        (async (origin, { isConcerned, ...question }) => {
          const isWanted = (channel: string): boolean =>
            isConcerned(channel) && receiver.listensTo(channel);
          const page = await left.read(origin, { ...question, isWanted });
          return page && this.sinceStart(page);
        }),
      deliver: (origin, arrival) => this.deliver(origin, arrival),
      hasCome: (origin, { sequence, channel }) =>
        receiver.log.has(origin, sequence, fnv1a(channel)),
      gap,
      ended: (starts, isConcerned) => this.ended(starts, isConcerned),
      wantRecords: () => {
        this.pauseMs = FIRST_PAUSE_MS;
        this.waitForRecords();
      },
      recordWithinMs: 2 * heartbeatIntervalMs,
      failed: this.failed,
    });
  }

  start(): void {
    const { pubSub, membership } = this.deps;
    if (this.stopListening.length > 0 || this.closed) return;
    this.stopListening.push(
      membership.listen({ read: guarded(this.failed, (read) => this.read(read)) }),
      pubSub.onInterruption?.((concerns, since) => this.interrupted(concerns, since)) ?? none,
    );
    this.subscription = pubSub.state$.subscribe(
      guarded(this.failed, (state) => {
        if (state === 'ready' && this.isMissing) return this.hearAgain();
        return undefined;
      }),
    );
  }

  /** The current repair, and past ones. */
  get status(): {
    readonly underway: boolean;
    readonly heldBytes: number;
    readonly repairs: number;
  } {
    const { isMissing: underway, catchUp, repairs } = this;
    return { underway, heldBytes: catchUp.heldBytes, repairs };
  }

  /** When the newest message of this instance to itself that came back was sent, in monotonic time (`performance.now()`). */
  get heardItselfAt(): number {
    return this.marks.heardAt;
  }

  /**
   * Resolves to true once all events have arrived that Redis had taken before now, and to false if that is not certain in time.
   */
  async caughtUp(withinMs: number): Promise<boolean> {
    const end = performance.now() + withinMs;
    for (;;) {
      const { generation } = this;
      const leftMs = end - performance.now();
      const isHeard = !this.isMissing && (await this.marks.passed(Math.max(1, leftMs)));
      if (isHeard && !this.isMissing && generation === this.generation) return true;
      if (performance.now() >= end || this.closed) return false;
      await pause(PAUSE_MS);
    }
  }

  /**
   * Holds an incoming envelope, or drops it as a duplicate, and returns true. Returns false if it should be delivered
   * now.
   */
  intercept(envelope: Envelope, channel: string, bytes: Buffer): boolean {
    if (this.duplicates.drops(envelope, channel)) return true;
    if (!this.isOn) return false;
    if (this.late.size > 0 && this.late.has(channel)) {
      // With the others that can be heard by now: each time all questions end, and begin again.
      const { pubSub } = this.deps;
      this.lateHeard((each) => each === channel || pubSub.isSubscribed(each));
    }
    if (!this.catchUp.isActive) return false;
    const { origin, sequence, lane, number } = envelope;
    return this.catchUp.intercept(origin, { channel, sequence, bytes, lane, number });
  }

  /** This instance ends: leaves what others may not have heard. Never rejects. */
  async leave(): Promise<void> {
    const { bus, left } = this.deps;
    const { repair } = this.options;
    if (repair === undefined || repair.maxLeftBytes === 0) return;
    await left?.leave(bus.instanceId, repair.maxLeftBytes, repair.maxAgeMs);
  }

  close(): void {
    this.closed = true;
    this.deps.left?.close();
    for (const stop of this.stopListening.splice(0)) stop();
    this.subscription?.unsubscribe();
    clearTimeout(this.timer);
    this.marks.close();
    this.catchUp.close();
    this.duplicates.clear();
    this.late.clear();
  }

  private get isMissing(): boolean {
    return this.catchUp.isUnderway || this.late.size > 0;
  }

  private interrupted(isConcerned: InterruptedChannels, since?: number): void {
    if (this.closed) return;
    // A channel that was subscribed late says nothing of the others.
    if (since === undefined) {
      this.positions.interrupted();
      this.marks.interrupted();
    }
    if (!this.isOn) return;
    this.catchUp.interrupted(isConcerned, since ?? this.movedSince(isConcerned));
    this.missing();
  }

  /**
   * A slot of a Cluster may have moved to a server whose marks have been heard since: they prove nothing of its channels. Undefined:
   * all servers are concerned, so no mark has been heard.
   */
  private movedSince(isConcerned: InterruptedChannels): number | undefined {
    const { marks, positions } = this;
    return marks.areAll(isConcerned) ? undefined : positions.known(marks.allHeardAt);
  }

  /**
   * Something new is missing.
   *
   * @param ms after this time it is asked for, even if some channels are not subscribed
   */
  private missing(ms = SUBSCRIBED_WITHIN_MS): void {
    const { pubSub } = this.deps;
    this.generation++;
    this.pauseMs = FIRST_PAUSE_MS;
    // The report may be about a channel that can be heard now, or precede the change of the state.
    this.later(ms, () => this.hearOthers());
    if (pubSub.state === 'ready') this.hearSoon();
  }

  private hearSoon(): void {
    const { generation } = this;
    guarded(this.failed, async () => {
      await Promise.resolve();
      // The connection that was lost may be noticed with the report.
      if (generation === this.generation && this.deps.pubSub.state === 'ready') {
        await this.hearAgain();
      }
    })();
  }

  /** Some channels stay unsubscribed. What they miss from now on is asked for when they can be heard. */
  private hearOthers(): void | Promise<void> {
    const { pubSub, receiver } = this.deps;
    if (!this.canAsk()) {
      this.later(SUBSCRIBED_WITHIN_MS, () => this.hearOthers());
      return undefined;
    }
    if (pubSub.state !== 'ready') {
      const silent = [...receiver.channels()].filter(
        (channel) => this.catchUp.isConcerned(channel) && !pubSub.isSubscribed(channel),
      );
      if (silent.length > 0) this.late.add(silent, this.catchUp.starts);
    }
    return this.hearAgain();
  }

  /** Whether Redis is connected, and replies arrive or cannot be waited for any longer: then the questions fail, and gaps are reported. */
  private canAsk(): boolean {
    const { pubSub, bus, reporter } = this.deps;
    const isOpen = saysOpen(pubSub, reporter) ?? true;
    if (!isOpen || bus.isListening) {
      this.refusedSince = undefined;
      return isOpen;
    }
    const now = performance.now();
    this.refusedSince ??= now;
    return now - this.refusedSince >= MAX_REFUSED_MS;
  }

  /** All channels can be heard, but those that are late: learns what the others have published, and asks for it. */
  private async hearAgain(): Promise<void> {
    const { bus, pubSub } = this.deps;
    this.lateHeard((channel) => pubSub.state === 'ready' || pubSub.isSubscribed(channel));
    const { generation } = this;
    if (this.hearing === generation || this.isOver(generation)) return;
    this.hearing = generation;
    // If Redis was down when the app started, the channels for replies are not subscribed yet.
    await bus.open();
    const wasRead = !this.isOver(generation) && (await this.readAll());
    if (this.hearing === generation) this.hearing = undefined;
    if (this.isOver(generation)) return;
    if (!wasRead) {
      this.later(this.nextPause(), () => this.hearAgain());
      return;
    }
    this.repairs++;
    this.catchUp.heardAgain(this.version);
    this.waitForRecords();
  }

  private isOver(generation: number): boolean {
    return this.closed || this.generation !== generation || !this.catchUp.isUnderway;
  }

  /** The next records say which instances have published nothing. */
  private waitForRecords(): void {
    if (!this.catchUp.isUnderway) return;
    this.later(this.nextPause(), async () => {
      await this.readAll();
      this.waitForRecords();
    });
  }

  /** Resolves to whether all records that were written were read. */
  private async readAll(): Promise<boolean> {
    try {
      await this.deps.membership.beatNow({ unchanged: true });
      return true;
    } catch (error) {
      // The state says that Redis is down, and the log has said so, too.
      if (!(error instanceof PropagatorError)) this.failed(error);
      return false;
    }
  }

  private nextPause(): number {
    const { pauseMs } = this;
    this.pauseMs = Math.min(pauseMs * 2, this.options.heartbeatIntervalMs);
    return pauseMs;
  }

  private later(ms: number, act: () => unknown): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = after(ms, this.failed, act).unref();
  }

  /** Late channels can be heard: what they have missed is an outage of its own. */
  private lateHeard(isHeard: InterruptedChannels): void {
    if (this.late.size === 0) return;
    this.late.keep((channel) => this.deps.receiver.listensTo(channel));
    const heard = this.late.take(isHeard);
    if (heard === undefined) return;
    this.catchUp.interrupted(heard.isLate, heard.starts);
    this.missing(FIRST_PAUSE_MS);
  }

  private read({ version, instances, isBeat }: MembershipRead): void {
    const { pubSub } = this.deps;
    if (this.closed) return;
    this.instances.read(instances, { isFirst: this.version === 0 });
    this.version = version;
    if (this.isOn) {
      for (const each of instances) this.catchUp.recordRead(each.instanceId, each.version);
      this.catchUp.recordsRead();
      if (this.late.size > 0 && !this.catchUp.isUnderway) {
        this.lateHeard((channel) => pubSub.isSubscribed(channel));
      }
    }
    for (const gone of this.instances.forgetGone()) this.catchUp.forget(gone);
    // One for each beat: not for each heartbeat of another instance.
    if (isBeat) this.sendMarks();
  }

  private sendMarks(): void {
    const { pubSub, reporter, bus } = this.deps;
    const channel = markChannel(this.options.prefix, bus.instanceId);
    this.marks.listen(pubSub.channelsOfServers?.(channel) ?? [channel]);
    if (!this.marks.send()) return;
    reporter.report(
      'connection.deaf',
      () =>
        'Redis took the heartbeats of this instance but did not return them: the connection is replaced',
    );
    pubSub.reconnect?.();
  }

  private proven(): void {
    this.catchUp.proven();
    if (!this.isOn || this.catchUp.isUnderway) return;
    const unheard = [...this.positions.unheard()];
    for (const origin of unheard) this.catchUp.unheard(origin);
    this.waitForRecords();
  }

  private async ask(
    origin: InstanceId,
    question: PullQuestion,
    signal: AbortSignal,
  ): Promise<PulledPage> {
    return this.sinceStart(await this.pages.ask(origin, question, signal));
  }

  /** What was published before this instance started is not missing. */
  private sinceStart(page: PulledPage): PulledPage {
    const wasBefore = page.forgottenAgeMs > lenientNow() - this.startedAt;
    return wasBefore ? { ...page, forgotten: undefined } : page;
  }

  private deliver(origin: InstanceId, arrival: NumberedArrival): void {
    if (this.duplicates.isFirst(origin, arrival)) this.deps.receiver.deliver(arrival);
  }

  private ended(starts: Starts, isConcerned: InterruptedChannels): void {
    const { receiver, membership } = this.deps;
    // Some instances do not say what they have published, as those of version 0.1.
    for (const instanceId of membership.withoutLanes()) {
      const heard = starts.get(instanceId)?.heard ?? receiver.log.lastOf(instanceId);
      this.gap({ instanceId, from: heard + 1, to: null, reason: 'no-answer' }, isConcerned);
    }
    clearTimeout(this.timer);
    receiver.log.dropIndex();
  }

  private gap(gap: EventGap, isConcerned: InterruptedChannels): void {
    const { from, to, reason, instanceId } = gap;
    this.deps.reporter.report(
      'event.gap',
      () =>
        `events of instance ${instanceId} may be lost, from number ${from} to ${to ?? 'an unknown one'} (${reason})`,
    );
    const targets = this.targetsOf(isConcerned);
    this.deps.reportGap(targets === undefined ? gap : { ...gap, targets });
  }

  /** Of many instances in one turn the targets are the same: they are looked for once. */
  private targetsOf(isConcerned: InterruptedChannels): readonly GapTarget[] | undefined {
    if (this.lastTargets?.isConcerned !== isConcerned) {
      const found = this.deps.receiver.targetsOf(isConcerned);
      const targets = found?.map((target) => ({
        namespace: target.namespace,
        target: target.kind,
        id: 'id' in target ? target.id : undefined,
      }));
      this.lastTargets = { isConcerned, targets };
      soon(this.failed, () => {
        this.lastTargets = undefined;
      });
    }
    return this.lastTargets.targets;
  }
}

function none(): void {}
