import type { ResolvedPresenceOptions } from '../../options/resolve-presence.js';
import type { Lease, Owner, PresenceStore } from '../store/presence-store.js';
import { every } from '../../reporting/timers.js';

const SOON_MS = 1_000;

/** Who lives on the lease. @internal */
export interface LeaseHandlers {
  /** Dead owners whose users this instance is looking after. */
  sweeping(): readonly Owner[];
  /** Whether somebody listens to what this instance reports. */
  isHeard(): boolean;
  /** The others have given this instance up; it goes on under another name. */
  givenUp(): void;
  /** What the store was told over an earlier connection it may not have; or it has lost all its data. */
  storeForgot(what: { readonly storeLostData: boolean }): void;
  /** After each renewal, with owners whose users this instance has to look after. */
  renewed(dead: readonly Owner[]): void;
  failed(error: unknown): void;
}

/**
 * Renews the lease of this instance with each heartbeat. When it was given up all the same (it was frozen, say) it takes
 * another one under another name, so that nothing late of it has any effect.
 *
 * @internal
 */
export class LeaseKeeper {
  private timer: NodeJS.Timeout | undefined;
  /** One more each time that this instance was given up. */
  private epoch = 0;
  /** That of the store, when the lease was last renewed. */
  private connection: number | undefined;
  private lease: Lease | undefined;
  /** Until when nobody can have given this instance up, on this process' clock. */
  private heldUntil = 0;
  /** What the store called its data then. */
  private data: string | undefined;
  /** Whether the store may not have what it was told on an earlier connection. */
  private unconfirmed = false;
  private renewedAt = -Infinity;
  /** The store's clock at the same moment. */
  private storeNow = 0;
  /** Since when all renewals have succeeded, in monotonic time (`performance.now()`). */
  private steadySince = Infinity;
  /** Until when others may be putting back what the store lost, on this process' clock. */
  private holdingUntil = 0;
  private beating: Promise<void> | undefined;
  private beatAgain = false;
  private stopped = false;
  /** What the store was told last. */
  private wasHeard = false;
  private lastFailure: unknown;

  constructor(
    private readonly store: PresenceStore,
    private readonly instanceId: string,
    private readonly options: Pick<ResolvedPresenceOptions, 'leaseMs' | 'heartbeatIntervalMs'>,
    private readonly handlers: LeaseHandlers,
  ) {}

  /** Undefined while there is none, and since the connection was lost: then the store may not be what it was. */
  get current(): Lease | undefined {
    return this.connection === this.store.connection ? this.lease : undefined;
  }

  get owner(): Owner {
    return `${this.instanceId}.${this.epoch.toString(36)}`;
  }

  /** Whether the store has lost its data a moment ago, and others may still be putting it back. */
  get isHolding(): boolean {
    return Date.now() < this.holdingUntil;
  }

  /** Whether nobody can have given this instance up. */
  get isHeld(): boolean {
    return Date.now() < this.heldUntil;
  }

  /** Whether nobody can have been given this instance's users in the meantime. */
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
   * Resolves when what has begun is over.
   *
   * @throws what the last attempt has failed with
   */
  async settled(): Promise<void> {
    await this.beating;
    if (this.lastFailure !== undefined) throw this.lastFailure;
  }

  get isBeating(): boolean {
    return this.beating !== undefined;
  }

  /** Renews the lease now, as when another instance has ended and left its users. */
  async beat(): Promise<void> {
    if (this.stopped) return;
    this.beatAgain = this.beating !== undefined;
    this.beating ??= this.beatUntilDone().finally(() => {
      this.beating = undefined;
    });
    await this.beating;
  }

  /** Somebody listens to what this instance reports. */
  heard(): void {
    const isKnown = this.wasHeard && this.isHeld;
    if (!isKnown && this.timer !== undefined) void this.beat();
  }

  /** The lease is of no use any more. */
  ended(): void {
    // Where the clocks of a Cluster are far apart, a new lease does not help either: then there is no hurry.
    if (performance.now() - this.renewedAt > SOON_MS) void this.beat();
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
    if (connection !== this.connection) this.connectedAnew(connection);
    const { owner, data } = this;
    this.wasHeard = this.handlers.isHeard();
    const sentAt = Date.now();
    const answer = await this.store.beat({
      owner,
      data,
      claimUntil: this.claimUntil(),
      sweeping: this.handlers.sweeping(),
      isHeard: this.wasHeard,
    });
    if (this.stopped || this.store.connection !== connection) return;
    if (answer.state === 'swept') {
      this.startAnew();
      await this.beatNow();
      return;
    }
    const { until, now, holdUntil } = answer;
    this.lease = { owner, connection, until, ...(holdUntil !== undefined && { holdUntil }) };
    if (holdUntil !== undefined) this.holdingUntil = Date.now() + (holdUntil - now);
    this.heldUntil = sentAt + (until - now);
    this.data = answer.data;
    this.storeNow = now;
    this.renewedAt = performance.now();
    if (this.steadySince === Infinity) this.steadySince = this.renewedAt;
    const storeLostData = answer.state === 'lost';
    if (storeLostData || this.unconfirmed) this.handlers.storeForgot({ storeLostData });
    this.unconfirmed = false;
    this.handlers.renewed(answer.dead);
  }

  private connectedAnew(connection: number): void {
    this.connection = connection;
    this.lease = undefined;
    this.steadySince = Infinity;
    this.unconfirmed = true;
  }

  /**
   * Others are given up only while Redis has served this instance for so long without a break that they would have
   * renewed their leases: else it may have been Redis that stood still, or all of us.
   */
  private claimUntil(): number {
    const { leaseMs, heartbeatIntervalMs } = this.options;
    if (performance.now() - this.steadySince < leaseMs) return 0;
    return this.storeNow + Math.max(leaseMs / 2, 1.5 * heartbeatIntervalMs);
  }

  private startAnew(): void {
    this.epoch++;
    this.data = undefined;
    this.lease = undefined;
    this.handlers.givenUp();
    this.unconfirmed = true;
  }
}
