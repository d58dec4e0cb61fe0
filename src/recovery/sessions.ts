import { randomBytes } from 'node:crypto';
import type { ResolvedRecoveryOptions } from '../options/resolve-recovery.js';
import type { Reporter } from '../reporting/reporter.js';
import { after, guarded, type Failed } from '../reporting/timers.js';
import type { RecoveryOutcome } from '../routing/telemetry.js';
import type { InstanceId } from '../wire/envelope.js';
import { AwayRooms } from './away-rooms.js';
import type { Position } from './event-chunk.js';
import { EventRing } from './event-ring.js';
import { RecoveryCounts } from './recovery-counts.js';
import type { MissedEvent, Session } from './session.js';

/** A client may have been cut off for so long before its instance notices: about Socket.IO's two ping times. @internal */
export const UNNOTICED_MS = 60_000;
const INSTANCE_ID = 16;
const ID_BYTES = 15;
/** The instance that gave it, then 15 random bytes. */
const PID = /^[0-9a-f]{16}\.[\w-]{20}$/;

/** Ends when the client is back, or when its time is over. */
interface Away {
  readonly timer: NodeJS.Timeout;
  readonly releaseChannels: () => void;
}

/** A session on its way here. Without its entry it is given up. @internal */
export interface Underway {
  readonly namespace: string;
  /** The rooms, with those of the socket's user and session. Undefined: not known yet. */
  readonly rooms: readonly string[] | undefined;
}

/** The sessions of one namespace of one server. @internal */
export interface SessionScope {
  readonly name: string;
  /** Whether a parser of the app encodes the events of the namespace. */
  readonly custom: boolean;
  roomsOf(socketId: string): Iterable<string>;
  /** Whether nobody else is about to get a session. */
  isFree(session: Session): boolean;
  /** Makes a session ready to be given away. Returns false if it is being given already. */
  claim(session: Session): boolean;
  /** Takes a session from an instance that is about to end. Resolves to whether it is here. */
  adopt(pid: string, from: InstanceId): Promise<boolean>;
  /** Called when a session has ended. */
  ended(session: Session): void;
  sweep(now: number): void;
}

/** The sessions of this instance, and the events that their clients may have missed. @internal */
export class Sessions {
  readonly ring: EventRing;
  readonly counts: RecoveryCounts;
  readonly scopes = new Map<number, SessionScope>();
  /** The sessions of other instances that are on their way here, by their private ids. */
  readonly underway = new Map<string, Underway>();
  /** The position at which this instance last noticed that it lost events. */
  private lostAt: Position = -1;
  private readonly byPid = new Map<string, Session>();
  private readonly away = new Map<Session, Away>();
  private readonly awayRooms = new AwayRooms();
  /** Sessions with events of another instance, and since when, in monotonic time (`performance.now()`). */
  private readonly carrying = new Map<Session, number>();
  /** The number of sessions that carry an event. */
  private readonly carried = new Map<MissedEvent, number>();
  private bytes = 0;
  private lastScope = 0;
  private readonly failed: Failed;

  constructor(
    readonly instanceId: InstanceId,
    private readonly options: ResolvedRecoveryOptions,
    private readonly reporter: Reporter,
    told?: (outcome: RecoveryOutcome) => void,
  ) {
    const { maxBytes, maxDisconnectionMs } = options;
    this.ring = new EventRing({ maxBytes, maxAgeMs: maxDisconnectionMs + UNNOTICED_MS });
    this.counts = new RecoveryCounts(reporter, told);
    this.failed = reporter.failure('recovery.failed', () => 'sessions of clients that are away');
  }

  get gapAt(): Position {
    return this.lostAt;
  }

  /** Events were lost: what a client missed that has none of a later position is not known. */
  noticeGap(): void {
    const { ring } = this;
    // Gaps of many instances are noticed together.
    if (this.lostAt !== ring.position - 1) this.lostAt = ring.skip();
  }

  nextScope(): number {
    return ++this.lastScope;
  }

  /** A new private id for a connection: it names this instance. */
  newPid(): string {
    return `${this.instanceId}.${this.newSid()}`;
  }

  /** A new id for a socket, in the form of Socket.IO's own. */
  newSid(): string {
    return randomBytes(ID_BYTES).toString('base64url');
  }

  /** Whether a client's text may be a private id. */
  isPid(text: string): boolean {
    return PID.test(text);
  }

  /** The instance that gave a connection its private id. */
  homeOf(pid: string): InstanceId {
    return pid.slice(0, INSTANCE_ID);
  }

  get(pid: string): Session | undefined {
    return this.byPid.get(pid);
  }

  has(session: Session): boolean {
    return this.byPid.get(session.pid) === session;
  }

  all(): Iterable<Session> {
    return this.byPid.values();
  }

  get size(): number {
    return this.byPid.size;
  }

  /** The number of clients that are away and may come back. */
  get awayCount(): number {
    return this.away.size;
  }

  /** The bytes of events that clients brought from other instances. */
  get carriedBytes(): number {
    return this.bytes;
  }

  /** Whether there is room for events that a client brings from another instance. */
  hasRoomFor(events: readonly MissedEvent[]): boolean {
    const bytes = events.reduce(
      (sum, event) => sum + (this.carried.has(event) ? 0 : event.frames.length),
      0,
    );
    return this.bytes + bytes <= this.options.maxBytes;
  }

  add(session: Session): void {
    this.byPid.set(session.pid, session);
    if (session.carried.length === 0) return;
    this.carrying.set(session, performance.now());
    for (const event of session.carried) {
      const sessions = this.carried.get(event) ?? 0;
      if (sessions === 0) this.bytes += event.frames.length;
      this.carried.set(event, sessions + 1);
    }
  }

  end(session: Session): void {
    if (this.has(session)) this.byPid.delete(session.pid);
    this.dropCarried(session);
    this.endAway(session);
    this.scopes.get(session.scope)?.ended(session);
  }

  /** A client is away: its channels stay, so that its events arrive. */
  keepAway(session: Session, releaseChannels: () => void): void {
    this.endAway(session);
    const { maxDisconnectionMs } = this.options;
    const leftMs = Math.max(0, maxDisconnectionMs - (performance.now() - session.awaySince));
    const timer = after(leftMs, this.failed, () => this.end(session)).unref();
    this.away.set(session, { timer, releaseChannels: guarded(this.failed, releaseChannels) });
    this.awayRooms.add(session);
    this.makeRoom(session);
  }

  /** Clients that come and go without end must not fill the memory. */
  private makeRoom(added: Session): void {
    for (const session of this.awayRooms.surplus()) {
      // Its client may be about to get it.
      if (session === added || this.scopes.get(session.scope)?.isFree(session) !== true) continue;
      this.reporter.report(
        'recovery.too-many-away',
        () =>
          `${this.away.size} clients are away; those of the users with most get new connections`,
      );
      this.end(session);
    }
  }

  /** A client is back, or its session ends. */
  endAway(session: Session): void {
    const away = this.away.get(session);
    if (away === undefined) return;
    this.away.delete(session);
    this.awayRooms.delete(session);
    // From now on it is on its way to the client.
    if (this.carrying.has(session)) this.carrying.set(session, performance.now());
    clearTimeout(away.timer);
    away.releaseChannels();
  }

  /** Forgets the sessions of a namespace that has closed. */
  closeScope(scope: number): void {
    this.scopes.delete(scope);
    for (const session of this.byPid.values()) if (session.scope === scope) this.end(session);
  }

  sweep(): void {
    const now = performance.now();
    this.ring.trim(now);
    for (const [session, since] of this.carrying) {
      // A client that is connected for this long has received them.
      if (session.socket === undefined || now - since < UNNOTICED_MS) continue;
      this.dropCarried(session);
      session.forgetCarried();
    }
    for (const scope of this.scopes.values()) scope.sweep(now);
  }

  close(): void {
    for (const session of this.byPid.values()) this.end(session);
    this.ring.clear();
  }

  private dropCarried(session: Session): void {
    if (!this.carrying.delete(session)) return;
    for (const event of session.carried) {
      const sessions = (this.carried.get(event) ?? 1) - 1;
      if (sessions > 0) {
        this.carried.set(event, sessions);
        continue;
      }
      this.carried.delete(event);
      this.bytes -= event.frames.length;
    }
  }
}
