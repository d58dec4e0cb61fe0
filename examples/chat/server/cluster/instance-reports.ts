import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ClusterService, RedisService } from 'nestjs-redis-propagator';
import {
  filter,
  firstValueFrom,
  map,
  of,
  Subject,
  timeout,
  type Observable,
  type Subscription,
} from 'rxjs';
import { Config } from '../config.js';
import type { InstanceReport } from './instance-report.js';
import { SelfReport } from './self-report.js';

/** `tick`: once a second. `changed`: an instance joined, left or changed its state. */
export type InstanceNews = 'tick' | 'changed';

const EVERY_MS = 1000;
/** How long an ended instance is shown. */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * The reports of the instances, over a channel of the app's own. The library knows the members (`ClusterService`);
 * names and figures come from the app.
 */
@Injectable()
export class InstanceReports implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly byName = new Map<string, InstanceReport>();
  private readonly heardAt = new Map<string, number>();
  private readonly news = new Subject<InstanceNews>();
  private readonly channel: string;
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private own: InstanceReport;
  private ending = false;

  /** Emits once a second, and when an instance joins, leaves, or changes its state. */
  readonly news$: Observable<InstanceNews> = this.news.asObservable();

  constructor(
    config: Config,
    private readonly self: SelfReport,
    private readonly redis: RedisService,
    private readonly cluster: ClusterService,
  ) {
    this.channel = `${config.prefix}:chat:instances`;
    this.own = self.take();
  }

  onModuleInit(): void {
    this.subscription = this.redis
      .fromEvent<InstanceReport>(this.channel)
      .subscribe((report) => this.heard(report));
    this.subscription.add(
      this.cluster.changes$.subscribe(({ type, member: { instanceId } }) => {
        if (type !== 'joined') this.ended(instanceId, type === 'left' ? 'stopped' : 'lost');
      }),
    );
    this.tick();
    this.timer = setInterval(() => this.tick(), EVERY_MS);
  }

  /** Tells the others at once that it is about to end. */
  onModuleDestroy(): void {
    this.ending = true;
    this.tick();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
    this.subscription?.unsubscribe();
  }

  /** All instances by name, including those that ended recently. */
  all(): InstanceReport[] {
    return [...this.byName.values()].toSorted((a, b) => a.name.localeCompare(b.name));
  }

  /** The name of the instance with this id. For a new one this waits for its first report. */
  async nameOf(instanceId: string): Promise<string> {
    const name = (): string | undefined => this.all().find(({ id }) => id === instanceId)?.name;
    const known = this.news$.pipe(
      map(name),
      filter((found) => found !== undefined),
      timeout({ first: 2 * EVERY_MS, with: () => of(instanceId) }),
    );
    return name() ?? firstValueFrom(known);
  }

  isOwn({ id }: InstanceReport): boolean {
    return id === this.own.id;
  }

  private tick(): void {
    this.own = this.self.take();
    if (this.ending) this.own.state = 'draining';
    // Not over Redis: without it this instance still shows itself.
    this.heard(this.own);
    this.redis.publish(this.channel, this.own).catch(() => undefined);
    const longAgo = Date.now() - FORGOTTEN_AFTER_MS;
    for (const [name, heardAt] of this.heardAt) {
      if (heardAt > longAgo) continue;
      this.heardAt.delete(name);
      this.byName.delete(name);
    }
    this.news.next('tick');
  }

  private heard(report: InstanceReport): void {
    const before = this.byName.get(report.name);
    this.byName.set(report.name, report);
    this.heardAt.set(report.name, Date.now());
    if (before?.state !== report.state) this.news.next('changed');
  }

  private ended(instanceId: string, state: 'stopped' | 'lost'): void {
    for (const report of this.byName.values()) {
      // A restarted instance has another id, and is kept.
      if (report.id === instanceId)
        this.heard({ ...report, state, sockets: 0, eventsPerSecond: 0 });
    }
  }
}
