import { hostname } from 'node:os';
import { BehaviorSubject, Subject, type Observable, type Subscription } from 'rxjs';
import { PropagatorError, reasonOf } from '../errors.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { after, guarded, type Failed } from '../reporting/timers.js';
import { memberIn, type MembershipMessage, type RecordsPlace } from '../wire/cluster-message.js';
import type { InstanceId, WireVersion } from '../wire/envelope.js';
import { Announcements } from './announcements.js';
import type { ClusterBus } from './cluster-bus.js';
import {
  Members,
  type ClusterChange,
  type ClusterMember,
  type KnownInstance,
  type MembersUpdate,
} from './members.js';
import { RecordBeats } from './record-beats.js';
import type { InstanceRecords } from './records/instance-records.js';
import { News } from './news.js';
import { RecordCodec } from './record-codec.js';
import type { InstanceDescription } from './records/record-text.js';

/** The versions of the envelope that this version of the library reads. */
const READS: readonly WireVersion[] = [1, 2];
const NEWEST = 2;
const NOWHERE: RecordsPlace = { data: '', version: 0 };
/** A beat comes up to so much earlier or later, so that the beats of many instances stay spread. */
const JITTER = 0.1;
/** After news all instances beat: within so much time for each of them. */
const SPREAD_MS_PER_MEMBER = 2;
const MIN_SPREAD_MS = 20;
/** Where Redis does not permit the records, they are tried again after this time. */
const REFUSED_MS = 30_000;
/** Redis is down, or silent: heartbeats would not pass either. */
const AWAY: ReadonlySet<string> = new Set(['redis.unavailable', 'redis.timeout', 'redis.closed']);

/** The result of one beat, or of one heartbeat of another instance. @internal */
export interface MembershipRead {
  /** Counts the reads. */
  readonly version: number;
  /** Whether this is the result of an own beat. */
  readonly isBeat: boolean;
  /** The instances whose records have changed; also unchanged ones, where they were asked for. */
  readonly instances: readonly KnownInstance[];
}

/** @internal */
export interface MembershipListener {
  /** Must not throw. */
  read(read: MembershipRead): void;
}

/** @internal */
export interface MembershipDeps {
  readonly bus: ClusterBus;
  readonly pubSub: PubSub;
  /** Undefined with a transport of the app: then heartbeats to all carry the records. */
  readonly records: InstanceRecords | undefined;
  describe(): Pick<InstanceDescription, 'sockets' | 'users' | 'sequence' | 'lanes' | 'contract'>;
  readonly reporter: Reporter;
}

type Options = Pick<ResolvedOptions, 'heartbeatIntervalMs' | 'memberTimeoutMs'>;

/**
 * The instances of the app. Each renews its record with each beat and reads those of the others that have changed. A `hello`
 * says that there are new records, a `bye` that an instance has ended: then the others beat soon. An instance without a record (of
 * version 0.1, or with a Redis that does not permit the keys) sends heartbeats to all, and all send heartbeats while one is known.
 *
 * @internal
 */
export class Membership {
  private readonly members: Members;
  private readonly codec: RecordCodec;
  private readonly records: RecordBeats | undefined;
  private readonly news: News;
  private readonly announcements: Announcements;
  private readonly listeners = new Set<MembershipListener>();
  private readonly changes = new Subject<ClusterChange>();
  private readonly startedAt = Date.now();
  private readonly failed: Failed;
  private subscription: Subscription | undefined;
  private started = false;
  private beatTimer: NodeJS.Timeout | undefined;
  private beating: Promise<void> | undefined;
  private nextBeat: Promise<void> | undefined;
  private readsUnchanged = false;
  /** The number of the last read. */
  private version = 0;
  /** Monotonic times (`performance.now()`). */
  private tickedAt = performance.now();
  private refusedUntil = -Infinity;
  /** Whether heartbeats to all say what the record would say. */
  private gossips: boolean;
  /** Since when this instance has been subscribed without interruption. */
  private subscribedSince = Infinity;
  private readonly versions = new BehaviorSubject<WireVersion>(1);

  readonly changes$: Observable<ClusterChange> = this.changes.asObservable();
  /** The version of the envelope to write, now and after each change: the newest one that all members read. */
  readonly wireVersion$: Observable<WireVersion> = this.versions.asObservable();
  /** Emits how many other subscribers got a message to all. */
  readonly subscribers$: Observable<number>;

  constructor(
    private readonly deps: MembershipDeps,
    private readonly options: Options,
  ) {
    const { reporter, records, bus } = deps;
    this.records = records && new RecordBeats(records, options);
    this.codec = new RecordCodec(bus.channel, reporter, bus.guard);
    this.members = new Members(reporter, this.codec);
    this.failed = reporter.failure('heartbeat.failed', () => 'the list of instances');
    this.announcements = new Announcements({
      ...deps,
      failed: this.failed,
      describe: () => {
        const description = this.describe();
        return { member: memberIn(description), record: this.encoded(description) };
      },
    });
    this.subscribers$ = this.announcements.subscribers$;
    this.news = new News({
      failed: this.failed,
      spreadMs: () => this.spreadMs,
      known: () => this.known,
      beat: () => this.tryToBeat(),
      sayHello: () => this.tryToAnnounce('hello'),
      isAwaited: () => this.members.hasUnrecorded,
    });
    this.gossips = records === undefined;
  }

  /** This instance. */
  get self(): ClusterMember {
    return { instanceId: this.deps.bus.instanceId, ...memberIn(this.describe()) };
  }

  get size(): number {
    return this.members.size;
  }

  others(): ClusterMember[] {
    return this.members.all();
  }

  /** Members that do not say what they have published: those of version 0.1, and those with too many lanes. */
  withoutLanes(): InstanceId[] {
    return this.members.withoutLanes();
  }

  /** Identifies the data of the records. Undefined: none were read, or other instances may have none. */
  get recordsData(): string | undefined {
    return this.place?.data || undefined;
  }

  /** Adds a listener. It is called in order with each successful beat and each heartbeat, before `changes$` emits. */
  listen(listener: MembershipListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async start(): Promise<void> {
    if (this.started) return;
    this.started = true;
    const { bus, pubSub } = this.deps;
    this.subscription = bus.messages$.subscribe(
      guarded(this.failed, ({ origin, message }) => {
        if ('member' in message) this.heard(origin, message);
      }),
    );
    let opening: Promise<void> | undefined;
    this.subscription.add(
      pubSub.state$.subscribe(
        guarded(this.failed, (state) => {
          this.subscribedSince = Infinity;
          this.chooseVersion();
          if (state === 'ready') return (opening = this.open());
          this.records?.interrupted();
          return undefined;
        }),
      ),
    );
    this.tickLater(Math.random());
    await opening;
  }

  /** Announces the end of this instance. */
  async stop(): Promise<void> {
    if (!this.started) return;
    this.started = false;
    clearTimeout(this.beatTimer);
    this.news.close();
    await this.beating?.catch(() => undefined);
    await this.leave();
    this.subscription?.unsubscribe();
    this.deps.records?.close();
    this.members.clear();
    this.listeners.clear();
    this.changes.complete();
    this.announcements.close();
    this.versions.complete();
  }

  /**
   * One more beat now. Calls during a beat share the one after it.
   *
   * @param options.unchanged whether to read unchanged records as well
   * @throws PropagatorError any error of the records or the transport: nothing was read
   */
  beatNow({ unchanged }: { readonly unchanged: boolean }): Promise<void> {
    this.readsUnchanged ||= unchanged;
    if (this.nextBeat !== undefined) return this.nextBeat;
    const { beating } = this;
    if (beating === undefined) return this.begin();
    const begin = (): Promise<void> => {
      this.nextBeat = undefined;
      return this.begin();
    };
    this.nextBeat = beating.then(begin, begin);
    return this.nextBeat;
  }

  /** The next beat counts the subscribers: a request waits for more than there are members. */
  countSubscribers(): void {
    this.announcements.countSubscribers();
  }

  /** The time for which messages of all others have arrived, in ms: in the end any instance without a record has been heard. */
  get listeningMs(): number {
    return performance.now() - this.subscribedSince;
  }

  private describe(): InstanceDescription {
    const { startedAt } = this;
    return {
      reads: READS,
      host: hostname(),
      pid: process.pid,
      startedAt,
      ...this.deps.describe(),
    };
  }

  /** The record of this instance. */
  private text(): string {
    return this.encoded(this.describe());
  }

  private encoded(description: InstanceDescription): string {
    return this.codec.encode(this.deps.bus.instanceId, description);
  }

  private async open(): Promise<void> {
    await this.deps.bus.open();
    if (!this.started) return;
    this.subscribedSince = performance.now();
    // After an outage this instance and those without a record may have given each other up.
    await this.tryToBeat(this.gossips);
    if (!this.gossips && this.members.hasUnrecorded) await this.tryToAnnounce('hello');
  }

  private tickLater(part: number): void {
    const ms = this.options.heartbeatIntervalMs * part;
    this.beatTimer = after(ms, this.failed, () => this.tick()).unref();
  }

  private async tick(): Promise<void> {
    this.tickLater(1 - JITTER + 2 * JITTER * Math.random());
    this.excuseStandstill();
    await this.tryToBeat();
    if (!this.started) return;
    this.expire();
    const areNeeded = this.announcements.wantsCount || this.members.hasUnrecorded;
    if (this.gossips || !areNeeded) return;
    await this.tryToAnnounce('heartbeat');
  }

  /** While this process stood still it could not hear any heartbeat. */
  private excuseStandstill(): void {
    const { heartbeatIntervalMs } = this.options;
    const now = performance.now();
    const stoodStill = now - this.tickedAt - heartbeatIntervalMs;
    this.tickedAt = now;
    if (stoodStill > heartbeatIntervalMs) this.members.excuse(stoodStill);
  }

  private expire(): void {
    const { memberTimeoutMs } = this.options;
    const update = this.members.expire(
      memberTimeoutMs,
      this.records?.steadySince ?? Infinity,
      this.version + 1,
    );
    if (update.changes.length === 0) return;
    // A forged heartbeat may have stood for a living instance.
    this.records?.readAll();
    this.tell(update);
  }

  private begin(): Promise<void> {
    const beating = this.beat().finally(() => {
      this.beating = undefined;
    });
    this.beating = beating;
    return beating;
  }

  private async tryToBeat(unchanged = false): Promise<void> {
    try {
      await this.beatNow({ unchanged });
    } catch (error) {
      this.announcements.notSent(error);
    }
  }

  private async beat(): Promise<void> {
    const unchanged = this.readsUnchanged;
    this.readsUnchanged = false;
    const { records } = this;
    const { pubSub } = this.deps;
    if (pubSub.state === 'closed' || !this.started) throw PropagatorError.of('redis.closed', []);
    if (records !== undefined && performance.now() >= this.refusedUntil) {
      try {
        await this.renew(records, unchanged);
        this.gossips = false;
        return;
      } catch (error) {
        records.interrupted();
        if (!(error instanceof PropagatorError) || AWAY.has(error.code)) throw error;
        this.refused(error);
      }
    }
    // The others answer a hello at once.
    await this.announce(unchanged || this.version === 0 ? 'hello' : 'heartbeat');
    this.tell({ instances: [], changes: [] }, { isBeat: true });
  }

  private refused(error: PropagatorError): void {
    if (error.code !== 'redis.no-writes') this.refusedUntil = performance.now() + REFUSED_MS;
    if (this.gossips) return;
    this.gossips = true;
    this.records?.readAll();
    this.members.loseRecords();
    this.deps.reporter.report(
      'records.refused',
      () => `instances announce themselves by heartbeats to all instead: ${reasonOf(error)}`,
    );
  }

  private async renew(records: RecordBeats, unchanged: boolean): Promise<void> {
    const answer = await records.beat(this.text(), unchanged, this.members.size);
    if (!this.started) return;
    if (!answer.wasAlive) this.news.wrote(this.known);
    this.tell(
      this.members.recordsRead(answer, this.version + 1, (record) => answer.isNew(record)),
      { isBeat: true },
    );
    this.news.sayHelloSoon();
  }

  private tell({ instances, changes }: MembersUpdate, { isBeat = false } = {}): void {
    const version = ++this.version;
    this.chooseVersion();
    const read: MembershipRead = { version, isBeat, instances };
    for (const listener of this.listeners) listener.read(read);
    for (const change of changes) this.changes.next(change);
  }

  /** An instance of version 0.1 is heard within `memberTimeoutMs`, if there is one. */
  private chooseVersion(): void {
    const hasHeardAll = this.listeningMs > this.options.memberTimeoutMs;
    const version = hasHeardAll && this.members.read(NEWEST) ? NEWEST : 1;
    if (version !== this.versions.value) this.versions.next(version);
  }

  private get spreadMs(): number {
    const ms = Math.max(MIN_SPREAD_MS, this.members.size * SPREAD_MS_PER_MEMBER);
    return Math.min(ms, this.options.heartbeatIntervalMs);
  }

  private async leave(): Promise<void> {
    const { records, pubSub } = this.deps;
    if (pubSub.state === 'closed') return;
    let place: RecordsPlace | undefined;
    if (records !== undefined && !this.gossips) {
      try {
        place = await records.end(this.text());
        const isAlone = this.members.hasUnrecorded || this.members.size < 2;
        if (!isAlone && !(await this.news.ended(place))) return;
      } catch (error) {
        this.announcements.notSent(error);
      }
    }
    await this.tryToAnnounce('bye', place);
  }

  private async tryToAnnounce(
    type: MembershipMessage['type'],
    place?: RecordsPlace,
  ): Promise<void> {
    if (this.deps.pubSub.state === 'closed') return;
    try {
      await this.announce(type, place);
    } catch (error) {
      this.announcements.notSent(error);
    }
  }

  private async announce(
    type: MembershipMessage['type'],
    place: RecordsPlace | undefined = this.place,
  ): Promise<void> {
    await this.announcements.toAll(type, place);
    if (type !== 'heartbeat') this.news.said();
  }

  private get place(): RecordsPlace | undefined {
    return this.gossips ? undefined : this.known;
  }

  private get known(): RecordsPlace {
    return this.records?.known ?? NOWHERE;
  }

  private heard(origin: InstanceId, message: MembershipMessage): void {
    const { bus, reporter } = this.deps;
    const { type, member, record: text, records, beat } = message;
    if (origin === bus.instanceId) {
      if (this.announcements.isForged(beat))
        reporter.report('message.forged', () => `a ${type} in the name of this instance`);
      return;
    }
    if (records !== undefined && !this.gossips) {
      if (type !== 'heartbeat') this.news.heard(records);
      return;
    }
    if (type === 'bye') {
      const update = this.members.said(origin, { member, text }, this.version + 1);
      if (update.changes.length > 0) this.tell(update);
      return;
    }
    const isKnown = this.members.has(origin);
    const update = this.members.heard(origin, { member, text }, this.version + 1);
    if (update === undefined) return;
    this.tell(update);
    // A new instance needs to know this one now, not with the next heartbeat. Answers are not answered.
    if (type === 'hello' || (!isKnown && beat > 0)) this.announcements.answer(origin, this.place);
  }
}
