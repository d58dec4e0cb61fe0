import { hostname } from 'node:os';
import { Subject, type Observable, type Subscription } from 'rxjs';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { MemberDetails, MembershipMessage } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import { Canary } from './canary.js';
import type { ClusterBus } from './cluster-bus.js';
import type { EventGap } from './event-gap.js';
import { every, guarded } from '../reporting/timers.js';

/** An instance of the app, as it last described itself. */
export interface ClusterMember extends MemberDetails {
  /** A new id at each start; 16 hexadecimal digits. */
  readonly instanceId: InstanceId;
}

export interface ClusterChange {
  /**
   * `left`: it announced its end (a shutdown). `lost`: it was silent for `memberTimeoutMs` (a crash, a freeze, a
   * network failure).
   */
  readonly type: 'joined' | 'left' | 'lost';
  readonly member: ClusterMember;
}

/** More instances than any app has: further ones are forged. */
const MAX_MEMBERS = 4_096;

interface Entry {
  member: ClusterMember;
  heardAt: number;
}

type Options = Pick<ResolvedOptions, 'heartbeatIntervalMs' | 'memberTimeoutMs'>;

/**
 * The instances of the app. Each announces its start and its end, and sends heartbeats in between. An instance must
 * receive its own heartbeats, which proves that both connections to Redis work, in both directions.
 */
export class ClusterService {
  private readonly others = new Map<InstanceId, Entry>();
  private readonly changes = new Subject<ClusterChange>();
  private readonly gaps = new Subject<EventGap>();
  private readonly startedAt = Date.now();
  private readonly canary: Canary;
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private beat = 0;
  private tickedAt = Date.now();
  /** Since when this instance has been subscribed without interruption. */
  private listeningSince = Infinity;
  private uncounted = 0;
  private readonly counts = new Subject<number>();

  /** Emits when other instances join, leave or are lost. */
  readonly changes$: Observable<ClusterChange> = this.changes.asObservable();

  /**
   * Emits gaps: events that this instance could not receive and cannot get any more. The clients of the app should
   * reload their state.
   */
  readonly gaps$: Observable<EventGap> = this.gaps.asObservable();

  /** @internal */
  constructor(
    private readonly bus: ClusterBus,
    private readonly pubSub: PubSub,
    private readonly options: Options,
    private readonly describe: () => Pick<MemberDetails, 'sockets' | 'users' | 'contract'>,
    private readonly reporter: Reporter,
  ) {
    this.canary = new Canary(pubSub, reporter);
  }

  /** This instance. */
  get self(): ClusterMember {
    return {
      instanceId: this.bus.instanceId,
      host: hostname(),
      pid: process.pid,
      startedAt: this.startedAt,
      ...this.describe(),
    };
  }

  /** All known members, this instance first. */
  members(): ClusterMember[] {
    return [this.self, ...this.otherMembers()];
  }

  /** @internal */
  otherMembers(): ClusterMember[] {
    return [...this.others.values()].map(({ member }) => member);
  }

  /**
   * Subscribers of the cluster channel that are not known members, such as `redis-cli` or a frozen instance. No
   * reply is expected from them.
   *
   * @internal
   */
  get unknownSubscribers(): number {
    return this.uncounted;
  }

  /** Emits that number with each heartbeat of this instance. @internal */
  readonly unknownSubscribers$: Observable<number> = this.counts.asObservable();

  /** When this instance last received a heartbeat of its own. @internal */
  get heardItselfAt(): number {
    return this.canary.heardAt;
  }

  /** @internal */
  reportGap(gap: EventGap): void {
    this.gaps.next(gap);
  }

  /** Joins the cluster. @internal */
  async start(): Promise<void> {
    if (this.timer !== undefined) return;
    const failed = this.reporter.failure('heartbeat.failed', () => 'the list of instances');
    this.subscription = this.bus.messages$.subscribe(
      guarded(failed, ({ origin, message }) => {
        if ('member' in message) this.heard(origin, message);
      }),
    );
    this.subscription.add(
      // After an outage this instance and the others may have given each other up.
      this.pubSub.state$.subscribe(
        guarded(failed, async (state) => {
          this.listeningSince = Infinity;
          if (state !== 'ready') return;
          await this.bus.open();
          await this.hello();
        }),
      ),
    );
    this.timer = every(this.options.heartbeatIntervalMs, failed, () => this.tick());
    // Without Redis the start has waited once already.
    if (this.pubSub.state === 'ready') await this.bus.open();
  }

  /** Announces the end of this instance. @internal */
  async stop(): Promise<void> {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    this.subscription?.unsubscribe();
    await this.announce('bye');
    this.others.clear();
    this.changes.complete();
    this.gaps.complete();
  }

  private async hello(): Promise<void> {
    this.listeningSince = Date.now();
    await this.announce('hello');
  }

  private tick(): void {
    const now = Date.now();
    // If this instance itself was frozen, it could not receive anything.
    const stoodStill = now - this.tickedAt - this.options.heartbeatIntervalMs;
    this.tickedAt = now;
    const silentSince = now - this.options.memberTimeoutMs;
    for (const [instanceId, entry] of this.others) {
      if (stoodStill > this.options.heartbeatIntervalMs) entry.heardAt += stoodStill;
      if (entry.heardAt < silentSince) {
        this.forget(instanceId, { type: 'lost', member: entry.member });
      }
    }
    this.attempt('the check that this instance hears itself', () =>
      this.canary.check(this.pubSub.isSubscribed(this.bus.channel)),
    );
    this.attempt('heartbeat', () => this.announce('heartbeat'));
  }

  /** In a timer, or without an await, an error of a transport would end the process. */
  private attempt(subject: string, act: () => unknown): void {
    this.reporter.attempt('heartbeat.failed', () => subject, act);
  }

  private async announce(type: MembershipMessage['type'], to?: InstanceId): Promise<void> {
    if (this.pubSub.state === 'closed') return;
    const { instanceId: _, ...member } = this.self;
    try {
      if (to !== undefined) {
        await this.bus.sendTo(to, { type, member, beat: 0 });
        return;
      }
      const beat = ++this.beat;
      this.canary.sending(beat);
      const instances = await this.bus.sendToAll({ type, member, beat });
      this.canary.sent(beat);
      this.countUnknownSubscribers(instances);
    } catch {
      // The state says that Redis is down, and the log has said so, too.
      this.reporter.count('heartbeat.failed');
    }
  }

  private heard(origin: InstanceId, { type, member, beat }: MembershipMessage): void {
    if (origin === this.bus.instanceId) {
      if (beat <= this.beat) this.canary.heard(beat);
      else this.reporter.report('message.forged', () => `a ${type} in the name of this instance`);
      return;
    }
    const described = { ...member, instanceId: origin };
    if (type === 'bye') {
      this.forget(origin, { type: 'left', member: described });
      return;
    }
    const known = this.others.has(origin);
    if (!known && this.others.size >= MAX_MEMBERS) {
      this.reporter.report('member.too-many', () => `instance ${origin} is not counted`);
      return;
    }
    this.others.set(origin, { member: described, heardAt: Date.now() });
    if (!known) {
      this.uncounted = 0;
      this.changes.next({ type: 'joined', member: described });
    }
    // A new instance needs to know this one now, not with the next heartbeat.
    if (type === 'hello') this.attempt('heartbeat', () => this.announce('heartbeat', origin));
  }

  private forget(instanceId: InstanceId, change: ClusterChange): void {
    if (!this.others.delete(instanceId)) return;
    this.uncounted = 0;
    this.changes.next(change);
  }

  /**
   * After `memberTimeoutMs` this instance has received a heartbeat of every running one. Until then any subscriber
   * counted by Redis may be an instance.
   */
  private countUnknownSubscribers(instances: number): void {
    const listening = Date.now() - this.listeningSince;
    const known = listening > this.options.memberTimeoutMs && this.canary.hears;
    this.uncounted = known ? Math.max(0, instances - this.others.size) : 0;
    this.counts.next(this.uncounted);
  }
}
