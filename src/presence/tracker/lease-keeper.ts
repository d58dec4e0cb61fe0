import type { ResolvedPresenceOptions } from '../../options/resolve-presence.js';
import type { Lease, Owner, PresenceStore } from '../store/presence-store.js';
import { every } from '../../reporting/timers.js';

/** The minimum time between a renewal and another one because the store refused the lease. */
const MIN_PAUSE_MS = 1_000;

/** Callbacks of a {@link LeaseKeeper}. @internal */
export interface LeaseHandlers {
  /** The dead owners that this instance is sweeping. */
  sweeping(): readonly Owner[];
  /** Whether the app is subscribed to the changes of this instance. */
  hasSubscriber(): boolean;
  /** Other instances have given this one up; it continues under a new name. */
  givenUp(): void;
  /** The store may have missed updates over an earlier connection, or has lost all its data. */
  storeForgot(loss: { readonly storeLostData: boolean }): void;
  /** Called after each renewal, with dead owners that this instance has to sweep. */
  renewed(dead: readonly Owner[]): void;
  failed(error: unknown): void;
}

/**
 * Renews the lease of this instance with each heartbeat. An instance that was given up (a frozen process, say) takes a new
 * lease under a new name, so that its late calls have no effect.
 *
 * @internal
 */
export class LeaseKeeper {
  private timer: NodeJS.Timeout | undefined;
  /** How often this instance was given up. */
  private epoch = 0;
  /** The connection of the store at the last beat. */
  private connection: number | undefined;
  private lease: Lease | undefined;
  /** Until then no other instance can give this one up, on the clock of this process. */
  private heldUntil = 0;
  /** The data id of the last reply. */
  private data: string | undefined;
  /** Whether the store may have missed updates over an earlier connection. */
  private unconfirmed = false;
  /** Monotonic time (`performance.now()`). */
  private renewedAt = -Infinity;
  /** The store's clock at the last renewal. */
  private storeNow = 0;
  /** Since when all renewals have succeeded, in monotonic time (`performance.now()`). */
  private steadySince = Infinity;
  /** The end of the tentative joins after a data loss, on the clock of this process. */
  private tentativeUntil = 0;
  private beating: Promise<void> | undefined;
  private beatAgain = false;
  private stopped = false;
  /** The value of `hasSubscriber` in the last beat. */
  private hadSubscriber = false;
  private lastFailure: unknown;

  constructor(
    private readonly store: PresenceStore,
    private readonly instanceId: string,
    private readonly options: Pick<ResolvedPresenceOptions, 'leaseMs' | 'heartbeatIntervalMs'>,
    private readonly handlers: LeaseHandlers,
  ) {}

  /** Undefined without a lease, and after a lost connection until the lease is renewed. */
  get current(): Lease | undefined {
    return this.connection === this.store.connection ? this.lease : undefined;
  }

  get owner(): Owner {
    return `${this.instanceId}.${this.epoch.toString(36)}`;
  }

  /** Whether joins are tentative: the store has lost its data, and other instances may still have to restore users. */
  get isTentative(): boolean {
    return Date.now() < this.tentativeUntil;
  }

  /** Whether no other instance can have given this one up. */
  get isHeld(): boolean {
    return Date.now() < this.heldUntil;
  }

  /** Whether no other instance can have taken over this instance's users under this lease. */
  holds({ owner }: Lease): boolean {
    return owner === this.owner && this.isHeld;
  }

  start(): void {
    this.timer = every(
      this.options.heartbeatIntervalMs,
      (error) => this.handlers.failed(error),
      () => this.beat(),
    );
  }

  /**
   * Resolves when no beat is in progress.
   *
   * @throws the error of the last beat
   */
  async settled(): Promise<void> {
    await this.beating;
    if (this.lastFailure !== undefined) throw this.lastFailure;
  }

  get isBeating(): boolean {
    return this.beating !== undefined;
  }

  /** Renews the lease now. During a beat, once more after it. */
  async beat(): Promise<void> {
    if (this.stopped) return;
    this.beatAgain = this.beating !== undefined;
    this.beating ??= this.beatUntilDone().finally(() => {
      this.beating = undefined;
    });
    await this.beating;
  }

  /** The app has subscribed. Renews the lease, so that the store knows, unless the last beat said so. */
  subscribed(): void {
    const isKnown = this.hadSubscriber && this.isHeld;
    if (!isKnown && this.timer !== undefined) void this.beat();
  }

  /** The store refused the lease, or it expired before a reply. */
  ended(): void {
    // With large clock differences in a Cluster a new lease would be refused, too.
    if (performance.now() - this.renewedAt > MIN_PAUSE_MS) void this.beat();
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
    this.lease = undefined;
  }

  private async beatUntilDone(): Promise<void> {
    do {
      this.beatAgain = false;
      try {
        await this.beatNow();
        this.lastFailure = undefined;
      } catch (error) {
        this.steadySince = Infinity;
        this.lastFailure = error;
        this.handlers.failed(error);
        return;
      }
    } while (this.beatAgain && !this.stopped);
  }

  private async beatNow(): Promise<void> {
    const { connection } = this.store;
    if (connection !== this.connection) this.reconnected(connection);
    const { owner, data } = this;
    this.hadSubscriber = this.handlers.hasSubscriber();
    const sentAt = Date.now();
    const startedAt = performance.now();
    const answer = await this.store.beat({
      owner,
      data,
      claimUntil: this.claimUntil(),
      sweeping: this.handlers.sweeping(),
      hasSubscriber: this.hadSubscriber,
    });
    if (this.stopped || this.store.connection !== connection) return;
    if (answer.state === 'swept') {
      this.rename();
      await this.beatNow();
      return;
    }
    const { until, now, tentativeUntil } = answer;
    this.lease = {
      owner,
      connection,
      until,
      ...(tentativeUntil !== undefined && { tentativeUntil }),
    };
    if (tentativeUntil !== undefined) this.tentativeUntil = Date.now() + (tentativeUntil - now);
    this.heldUntil = sentAt + (until - now);
    this.data = answer.data;
    this.storeNow = now;
    this.renewedAt = performance.now();
    // While Redis stood still, the leases of all instances may have expired.
    const stoodStill = this.renewedAt - startedAt > this.options.leaseMs / 2;
    if (stoodStill || this.steadySince === Infinity) this.steadySince = this.renewedAt;
    const storeLostData = answer.state === 'lost';
    if (storeLostData || this.unconfirmed) this.handlers.storeForgot({ storeLostData });
    this.unconfirmed = false;
    this.handlers.renewed(answer.dead);
  }

  private reconnected(connection: number): void {
    this.connection = connection;
    this.lease = undefined;
    this.steadySince = Infinity;
    this.unconfirmed = true;
  }

  /**
   * Until when the store may give up other instances. Only after a lease without a failed beat: after an outage of Redis
   * every lease has expired, although no instance is dead.
   */
  private claimUntil(): number {
    const { leaseMs, heartbeatIntervalMs } = this.options;
    if (performance.now() - this.steadySince < leaseMs) return 0;
    return this.storeNow + Math.max(leaseMs / 2, 1.5 * heartbeatIntervalMs);
  }

  private rename(): void {
    this.epoch++;
    this.data = undefined;
    this.lease = undefined;
    this.handlers.givenUp();
    this.unconfirmed = true;
  }
}
