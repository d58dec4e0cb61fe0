import { randomUUID } from 'node:crypto';
import { BehaviorSubject } from 'rxjs';
import type { PubSub, PubSubState } from '../../../src/index.js';
import type { ResolvedPresenceOptions } from '../../../src/options/resolve-presence.js';
import type { PresenceStore } from '../../../src/presence/store/presence-store.js';
import { PresenceTracker } from '../../../src/presence/tracker/presence-tracker.js';
import { PresenceService } from '../../../src/presence/presence.service.js';
import type { PresenceWatch } from '../../../src/presence/presence-watch.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import type { AuthenticatedSocket } from '../../../src/auth/authenticated-socket.js';
import { SocketStateService } from '../../../src/auth/socket-state.service.js';
import { MemoryLogger } from '../memory-logger.js';
import { FaultyLink } from './faulty-link.js';
import type { PresenceFacts, SocketSpan, Trouble } from './presence-facts.js';

/** A slower call may delay others. */
const SLOW_MS = 10;

interface OpenSocket {
  readonly socket: AuthenticatedSocket;
  readonly span: SocketSpan;
}

/** The presence part of one instance, with simulated sockets and a faulty link to the store. */
export class SimulatedInstance {
  readonly service: PresenceService;
  readonly tracker: PresenceTracker;
  readonly reporter = new Reporter(new MemoryLogger());
  readonly link: FaultyLink;
  private readonly state = new SocketStateService();
  private readonly sockets = new Map<string, OpenSocket[]>();
  private readonly pubSubState = new BehaviorSubject<PubSubState>('ready');
  private cutOff: Trouble | undefined;
  private frozen: Trouble | undefined;
  alive = true;
  private crashed = false;

  constructor(
    readonly id: string,
    store: PresenceStore,
    options: ResolvedPresenceOptions,
    private readonly facts: PresenceFacts,
    callTimeoutMs: number,
  ) {
    this.link = new FaultyLink({
      timeoutMs: callTimeoutMs,
      onCall: (name, args, end) => facts.called(id, name, args, end),
      onTrouble: (from, to) => {
        const failed = to === Infinity;
        if (!failed && to - from < SLOW_MS) return;
        facts.trouble(id, from, failed ? Date.now() + options.heartbeatIntervalMs : to);
      },
    });
    const linked = this.link.to(store);
    const pubSub = { state$: this.pubSubState.asObservable() } as unknown as PubSub;
    this.tracker = new PresenceTracker(linked, id, options, {
      pubSub,
      state: this.state,
      reporter: this.reporter,
      onResend: () => undefined,
      onRenewed: () => undefined,
    });
    this.tracker.changes$.subscribe(({ type, userId, at }) => {
      if (this.crashed || type === 'status') return;
      facts.reports.push({ type, user: userId, at, instance: id, heardAt: Date.now() });
    });
    this.service = new PresenceService(
      {
        store: linked,
        tracker: this.tracker,
        watch: {} as PresenceWatch,
        readiness: { hasBegun: true },
      },
      this.state,
    );
  }

  get isFrozen(): boolean {
    return this.frozen !== undefined;
  }

  get isCutOff(): boolean {
    return this.cutOff !== undefined;
  }

  socketsOf(user: string): number {
    return this.sockets.get(user)?.length ?? 0;
  }

  get users(): string[] {
    return [...this.sockets.keys()];
  }

  connect(user: string): void {
    const socket = { id: randomUUID() } as unknown as AuthenticatedSocket;
    const open = { socket, span: this.facts.connected(this.id, user) };
    this.sockets.set(user, [...(this.sockets.get(user) ?? []), open]);
    this.state.add(user, socket);
  }

  disconnect(user: string): void {
    const [open, ...others] = this.sockets.get(user) ?? [];
    if (open === undefined) return;
    if (others.length === 0) this.sockets.delete(user);
    else this.sockets.set(user, others);
    open.span.to = Date.now();
    this.state.remove(user, open.socket);
  }

  freeze(): void {
    this.frozen ??= this.facts.begin(this.id);
    this.link.freeze();
  }

  thaw(): void {
    this.link.thaw();
    if (this.frozen !== undefined) this.frozen.to = this.recovered();
    this.frozen = undefined;
  }

  /**
   * @param late whether calls in flight are still executed
   * @param ofLoss whether the cause is data loss in Redis
   */
  cut(late: boolean, ofLoss = false): void {
    if (this.cutOff !== undefined) return;
    this.cutOff = this.facts.begin(this.id, { ofLoss });
    this.link.cut(late);
    this.pubSubState.next('degraded');
  }

  /** Restores the publishing connection. */
  mend(): void {
    this.link.mend();
  }

  /** Restores the subscribed connection. */
  mended(): void {
    if (this.cutOff === undefined || !this.alive) return;
    this.cutOff.to = this.recovered();
    this.cutOff = undefined;
    this.pubSubState.next('ready');
  }

  crash(): void {
    this.alive = false;
    this.crashed = true;
    this.facts.ended(this.id, true);
    this.link.die();
  }

  async close(): Promise<void> {
    this.alive = false;
    for (const user of this.users) while (this.socketsOf(user) > 0) this.disconnect(user);
    // Without Redis it cannot announce its end.
    this.facts.ended(this.id, this.isCutOff);
    await this.tracker.stop();
  }

  /** Stops its timers. */
  async discard(): Promise<void> {
    this.link.release();
    await this.tracker.stop();
  }

  private recovered(): number {
    return Date.now() + this.facts.timing.heartbeatMs;
  }
}
