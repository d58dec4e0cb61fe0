import { Subject, type Observable, type Subscription } from 'rxjs';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { guarded } from '../reporting/timers.js';
import type { EventGap } from './event-gap.js';
import type { ClusterChange, ClusterMember } from './members.js';
import type { Membership } from './membership.js';

type Options = Pick<ResolvedOptions, 'memberTimeoutMs'>;

/** The instances of the app, and the gaps in what this instance has received. */
export class ClusterService {
  private readonly gaps = new Subject<EventGap>();
  private readonly subscriptions: Subscription[] = [];
  private started = false;
  /** The last count of subscribers that are not known members, and of all other subscribers. */
  private uncounted = 0;
  private subscribers = 0;
  private readonly counts = new Subject<number>();

  /** Emits when other instances join, leave or are lost. */
  readonly changes$: Observable<ClusterChange>;

  /**
   * Emits gaps: events that this instance could not receive and cannot get any more. The clients of the app should
   * reload their state.
   */
  readonly gaps$: Observable<EventGap> = this.gaps.asObservable();

  /** @internal */
  constructor(
    private readonly options: Options,
    private readonly membership: Membership,
    private readonly reporter: Reporter,
  ) {
    this.changes$ = membership.changes$;
  }

  /** This instance. */
  get self(): ClusterMember {
    return this.membership.self;
  }

  /** All known members, this instance first. */
  members(): ClusterMember[] {
    return [this.self, ...this.otherMembers()];
  }

  /** @internal */
  otherMembers(): ClusterMember[] {
    return this.membership.others();
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

  /**
   * A request was delivered to this many other subscribers. Returns how many of them are known to be no members. While that is
   * unknown the next beat counts them.
   *
   * @internal
   */
  unknownAmong(subscribers: number): number {
    if (subscribers === this.subscribers) return this.uncounted;
    if (subscribers > this.membership.size) this.membership.countSubscribers();
    return 0;
  }

  /** Emits the number of unknown subscribers each time they are counted. @internal */
  readonly unknownSubscribers$: Observable<number> = this.counts.asObservable();

  /** @internal */
  reportGap(gap: EventGap): void {
    this.gaps.next(gap);
  }

  /** Joins the cluster. @internal */
  async start(): Promise<void> {
    if (this.started) return;
    this.started = true;
    const failed = this.reporter.failure('heartbeat.failed', () => 'the list of instances');
    this.subscriptions.push(
      this.membership.changes$.subscribe(guarded(failed, () => this.forgetCount())),
      this.membership.subscribers$.subscribe(guarded(failed, (count) => this.counted(count))),
    );
    await this.membership.start();
  }

  /** Announces the end of this instance. @internal */
  async stop(): Promise<void> {
    if (!this.started) return;
    this.started = false;
    await this.membership.stop();
    for (const subscription of this.subscriptions.splice(0)) subscription.unsubscribe();
    this.gaps.complete();
  }

  private forgetCount(): void {
    this.uncounted = 0;
    this.subscribers = 0;
  }

  /**
   * After `memberTimeoutMs` this instance has heard of every running one. Until then any subscriber counted by Redis may be
   * an instance.
   */
  private counted(subscribers: number): void {
    const { membership, options } = this;
    const isKnown = membership.listeningMs > options.memberTimeoutMs;
    if (!isKnown && subscribers > membership.size) membership.countSubscribers();
    this.subscribers = isKnown ? subscribers : 0;
    this.uncounted = isKnown ? Math.max(0, subscribers - membership.size) : 0;
    this.counts.next(this.uncounted);
  }
}
