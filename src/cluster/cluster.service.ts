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
  /** Made anew at each start; 16 hexadecimal digits. */
  readonly instanceId: InstanceId;
}

export interface ClusterChange {
  /** `left`: it said so (a shutdown). `lost`: it was silent for `memberTimeoutMs` (a crash, a freeze, a network). */
  readonly type: 'joined' | 'left' | 'lost';
  readonly member: ClusterMember;
}

/** Nobody has so many instances: somebody makes them up. */
const MAX_MEMBERS = 4_096;

interface Entry {
  member: ClusterMember;
  heardAt: number;
}

type Options = Pick<ResolvedOptions, 'heartbeatIntervalMs' | 'memberTimeoutMs'>;

/**
 * The instances of the app. Each announces itself when it starts and when it ends, and sends a heartbeat in
 * between. It must hear its own: that proves that both connections to Redis work, in both directions.
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
  /** Since when this instance has been listening without a break. */
  private listeningSince = Infinity;
  private uncounted = 0;

  /** Other instances that came and went. */
  readonly changes$: Observable<ClusterChange> = this.changes.asObservable();

  /** Events that this instance could not hear and cannot get any more: there the app's clients are to load anew. */
  readonly gaps$: Observable<EventGap> = this.gaps.asObservable();

  /** @internal */
  constructor(
    private readonly bus: ClusterBus,
    private readonly pubSub: PubSub,
    private readonly options: Options,
    private readonly describe: () => Pick<MemberDetails, 'sockets' | 'users'>,
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

  /** All instances that are known to live, this one first. */
  members(): ClusterMember[] {
    return [this.self, ...this.otherMembers()];
  }

  /** @internal */
  otherMembers(): ClusterMember[] {
    return [...this.others.values()].map(({ member }) => member);
  }

  /**
   * How many Redis counts as subscribed to the cluster's channel that are no members: somebody who looks on with
   * `redis-cli`, an instance that is frozen and was given up. Nobody waits for their answers.
   *
   * @internal
   */
  get unknownSubscribers(): number {
    return this.uncounted;
  }

  /** When this instance last proved to itself that it hears what is published. @internal */
  get heardItselfAt(): number {
    return this.canary.heardAt;
  }

  /** @internal */
  foundGap(gap: EventGap): void {
    this.gaps.next(gap);
  }

  /** Takes part from now on. @internal */
  async start(): Promise<void> {
    if (this.timer !== undefined) return;
    const failed = this.reporter.failure('heartbeat.failed', () => 'the list of instances');
    this.subscription = this.bus.messages$.subscribe(
      guarded(failed, ({ origin, message }) => {
        if (message.type !== 'request' && message.type !== 'reply') this.heard(origin, message);
      }),
    );
    this.subscription.add(
      // After an outage the others may have given this instance up, and it them.
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
    // Without Redis the app does not wait for it here as well.
    if (this.pubSub.state === 'ready') await this.bus.open();
  }

  /** Says good-bye. @internal */
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
    // If this instance itself stood still, it is no wonder that it heard nobody.
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
      this.canary.check(this.bus.isListening),
    );
    this.attempt('heartbeat', () => this.announce('heartbeat'));
  }

  /** In a timer, or where nobody awaits it, an error of a transport would end the process. */
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
      // The state says that Redis is away, and the log has said so, too.
      this.reporter.count('heartbeat.failed');
    }
  }

  private heard(origin: InstanceId, { type, member, beat }: MembershipMessage): void {
    if (origin === this.bus.instanceId) {
      if (beat <= this.beat) this.canary.heard(beat);
      else this.reporter.report('message.forged', () => `a ${type} in our own name`);
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
    // The newcomer wants to know us now, not after the next interval.
    if (type === 'hello') this.attempt('heartbeat', () => this.announce('heartbeat', origin));
  }

  private forget(instanceId: InstanceId, change: ClusterChange): void {
    if (!this.others.delete(instanceId)) return;
    this.uncounted = 0;
    this.changes.next(change);
  }

  /** Whoever lives has been heard in that time; until then everybody whom Redis counts may be an instance. */
  private countUnknownSubscribers(instances: number): void {
    const listening = Date.now() - this.listeningSince;
    const known = listening > this.options.memberTimeoutMs && this.canary.hears;
    this.uncounted = known ? Math.max(0, instances - this.others.size) : 0;
  }
}
