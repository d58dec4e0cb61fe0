import { lenientNow } from '../reporting/lenient-now.js';
import type { ResolvedClientLimits } from '../options/resolve-limits.js';
import type { Reporter } from '../reporting/reporter.js';
import { isReservedRoom, sessionIn, userRoom } from '../routing/reserved-rooms.js';
import { isSelected } from '../routing/socket-selector.js';
import { isLonger } from '../wire/channel-names.js';
import type { InstanceId } from '../wire/envelope.js';
import { areEventFor } from '../wire/event-frames.js';
import { areFrames } from '../wire/frames.js';
import { EventOffset } from '../wire/offset.js';
import type { HandOver } from './hand-over.js';
import type { LaterIndex, LaterQuestion } from './later.js';
import type { LeftSession } from './left-sessions.js';
import type { RecoveryFailure } from './recovery-counts.js';
import { keyOf, Session, type MissedEvent } from './session.js';
import type { Sessions } from './sessions.js';
import type { MovedSession } from './transfer.js';

/** How long before the first message of another instance its events may have been under way. */
const ON_THE_WAY_MS = 1_000;
/** Time in which an event may arrive that a socket brought from another instance. An event after it is delivered as a late event. */
const MAX_WAIT_MS = 10_000;
const MAX_EVENTS = 100_000;
/** The rooms of its user, of its session and of all authenticated sockets. */
const MAX_RESERVED_ROOMS = 3;

/** The limits of the rooms of one socket. @internal */
export type RoomLimits = Pick<ResolvedClientLimits, 'roomsPerSocket' | 'nameBytes'>;

/** Keeps the channels of rooms subscribed, until `release` is called. `ready` resolves when their events arrive. @internal */
export type HoldChannels = (rooms: readonly string[]) => {
  readonly ready: Promise<void> | undefined;
  readonly release: () => void;
};

/** Proofs about events on their way. A call resolves to false if there is no proof in time. @internal */
export interface Proofs {
  /** The offset of the last event that this instance sent. Its own sockets have it, and all before it. */
  lastOffset(): string;
  /** Resolves to true once Redis has taken all events that this instance sent before now. */
  settled(withinMs: number): Promise<boolean>;
  /** Resolves to true once all events have arrived that Redis had taken before now. */
  caughtUp(withinMs: number): Promise<boolean>;
}

/** @internal */
export interface IncomingSessionsDeps {
  readonly namespace: {
    readonly name: string;
    readonly custom: boolean;
    readonly limits: RoomLimits;
  };
  readonly reporter: Pick<Reporter, 'report'>;
  readonly sessions: Sessions;
  readonly handOver: Pick<HandOver, 'find' | 'take'>;
  readonly proofs: Proofs;
  readonly timeoutMs: number;
  readonly holdChannels: HoldChannels;
  /** Returns true if this instance has a session of the namespace for a socket with this id. */
  has(this: void, socketId: string): boolean;
  /** The events since an instance has ended, for a namespace and rooms. Undefined: not certain. */
  later(this: void, question: LaterQuestion): Promise<LaterIndex | undefined>;
}

/** A session at another instance. @internal */
export interface Elsewhere {
  readonly holder: InstanceId;
  readonly pid: string;
  readonly sid: string;
  readonly rooms: readonly string[];
  /** The offset of the last event that the client received; undefined while there is no client. */
  readonly offset: string | undefined;
  /** The rooms of the client's user and session. */
  readonly current: ReadonlySet<string> | undefined;
}

interface Expected {
  readonly ids: Set<string>;
  readonly until: number;
}

/** Brings sessions of other instances into one namespace of one server. @internal */
export class IncomingSessions {
  /** Sockets that have an event already, which may arrive here once more. */
  private readonly expected = new Map<string, Expected>();
  private underway = 0;

  constructor(
    private readonly scope: number,
    private readonly deps: IncomingSessionsDeps,
  ) {}

  /** The number of sessions that are on their way here. */
  get count(): number {
    return this.underway;
  }

  /** Takes a session from another instance. */
  async bring(elsewhere: Elsewhere): Promise<Session | RecoveryFailure> {
    const { handOver, namespace } = this.deps;
    const { holder, pid, offset, current } = elsewhere;
    const own = current && [...current];
    const question = { namespace: namespace.name, pid, offset, current: own };
    return this.receive(elsewhere, () => handOver.take(holder, question));
  }

  /** Continues a session of an instance that has ended, with the events since then. */
  async resume({
    pid,
    sid,
    from,
    heard,
    session,
  }: LeftSession): Promise<Session | RecoveryFailure> {
    const { namespace, proofs, later, timeoutMs } = this.deps;
    const { rooms } = session;
    return this.receive({ pid, sid, rooms }, async () => {
      const found = await later({ from, heard, namespace: namespace.name, rooms });
      // The ring has those among them that came to this instance, too.
      if (found === undefined || !(await proofs.caughtUp(timeoutMs / 2))) return 'not-proven';
      return { ...session, events: [...session.events, ...this.laterOf(sid, session, found)] };
    });
  }

  /**
   * Receives a session. Its channels are subscribed before, so that no event falls in between: the ring has those that arrive
   * here meanwhile.
   */
  private async receive(
    { pid, sid, rooms }: Pick<Elsewhere, 'pid' | 'sid' | 'rooms'>,
    fetch: () => Promise<MovedSession | RecoveryFailure>,
  ): Promise<Session | RecoveryFailure> {
    const { namespace, sessions, holdChannels, proofs, timeoutMs } = this.deps;
    const { underway } = sessions;
    if (underway.has(pid)) return 'unknown-session';
    const flaw = this.flawOf(sid, rooms);
    if (flaw !== undefined) return this.refuse(flaw);
    const { ready, release } = holdChannels(rooms);
    const entry = { namespace: namespace.name, rooms };
    underway.set(pid, entry);
    this.underway++;
    let session: Session | undefined;
    try {
      await ready;
      // Events that the client had on the other instance may still be on their way to this one.
      if (!(await proofs.caughtUp(timeoutMs / 2))) return 'not-proven';
      const since = sessions.ring.position;
      const heldAt = performance.now();
      // The other instance has to get the events that this one sent before.
      if (!(await proofs.settled(timeoutMs / 2))) return 'not-proven';
      const moved = await fetch();
      if (typeof moved === 'string') return moved;
      if (underway.get(pid) !== entry) return 'unknown-session';
      const held = new Set(rooms);
      const isWhole =
        moved.custom === namespace.custom && moved.rooms.every((room) => held.has(room));
      if (!isWhole || sessions.gapAt >= since) return 'not-proven';
      if (!areEvents(moved.events, namespace)) {
        return this.refuse(
          'frames that are no event of the namespace, or an event that is there twice',
        );
      }
      if (!sessions.hasRoomFor(moved.events)) return 'too-much';
      session = new Session({
        pid,
        sid,
        namespace: namespace.name,
        scope: this.scope,
        since,
        base: moved.base,
        issued: lenientNow() - (performance.now() - heldAt),
        carried: moved.events,
        upTo: moved.upTo,
      });
      session.rooms = new Set(moved.rooms);
      session.data = moved.data ?? {};
      session.awaySince = performance.now();
      sessions.add(session);
      sessions.keepAway(session, release);
      this.expectAgain(session, heldAt);
      return session;
    } finally {
      this.underway--;
      if (underway.get(pid) === entry) underway.delete(pid);
      if (session === undefined) release();
    }
  }

  /**
   * Why this instance takes no such session: somebody has forged it, or its instance has other limits. Each room may cost a
   * subscription.
   */
  private flawOf(sid: string, rooms: readonly string[]): string | undefined {
    const { namespace, has } = this.deps;
    const { roomsPerSocket, nameBytes } = namespace.limits;
    if (isReservedRoom(sid) || has(sid))
      return 'the id of its socket is a reserved room, or that of another socket';
    // The room of the socket's id, too.
    if (rooms.length > roomsPerSocket + 1 + MAX_RESERVED_ROOMS) {
      return `${rooms.length} rooms, more than limits.roomsPerSocket`;
    }
    const isTooLong = (name: string): boolean =>
      isLonger(name, nameBytes + userRoom('').length) && sessionIn([name]) === undefined;
    return [sid, ...rooms].some(isTooLong)
      ? 'the name of a room is longer than limits.nameBytes'
      : undefined;
  }

  private refuse(flaw: string): RecoveryFailure {
    this.deps.reporter.report('message.malformed', () => `a session: ${flaw}`);
    return 'not-proven';
  }

  /** The events for a session among those since its instance has ended, which it does not have yet. */
  private laterOf(
    sid: string,
    { rooms, events, upTo }: MovedSession,
    later: LaterIndex,
  ): MissedEvent[] {
    const { name, custom: isCustom } = this.deps.namespace;
    const own = new Set([sid, ...rooms]);
    const known = new Set(events.map(({ key }) => key));
    const missed: MissedEvent[] = [];
    const last = EventOffset.of(upTo);
    for (const { namespace, custom, delivery, event } of later.forRooms(own)) {
      const isOurs = namespace === name && custom === isCustom;
      // The instance that has ended had delivered it before Redis took it.
      if (!isOurs || event === undefined || EventOffset.of(event.offset).isUpTo(last)) continue;
      if (known.has(event.key) || !isSelected(delivery, (room) => own.has(room))) continue;
      known.add(event.key);
      missed.push(event);
    }
    return missed;
  }

  /** The ids of the sockets that have an event. */
  having(key: () => string): ReadonlySet<string> | undefined {
    return this.expected.size === 0 ? undefined : this.expected.get(key())?.ids;
  }

  sweep(now: number): void {
    for (const [key, { until }] of this.expected) {
      if (until > now) return;
      this.expected.delete(key);
    }
  }

  /** Events that the other instance had a moment ago may still be on their way to this one. */
  private expectAgain({ carried, sid, since }: Session, heldAt: number): void {
    const { ring } = this.deps.sessions;
    const until = performance.now() + MAX_WAIT_MS;
    for (const { key, offset, at } of carried) {
      if (at < heldAt - ON_THE_WAY_MS) continue;
      // An event for several users has one offset, and on a Cluster it may have come for another user only.
      const hasCome = ring.find(this.scope, EventOffset.of(offset), since).some((position) => {
        const entry = ring.at(position);
        return entry !== undefined && keyOf(offset, entry.rooms) === key;
      });
      if (hasCome) continue;
      const known = this.expected.get(key);
      if (known === undefined) this.expected.set(key, { ids: new Set([sid]), until });
      else known.ids.add(sid);
    }
    for (const key of this.expected.keys()) {
      if (this.expected.size <= MAX_EVENTS) return;
      this.expected.delete(key);
    }
  }
}

/** Returns true if all frames are events for clients of the namespace, and no event is in the list twice. */
function areEvents(
  events: readonly MissedEvent[],
  { name, custom }: { readonly name: string; readonly custom: boolean },
): boolean {
  const isEvent = ({ frames }: MissedEvent): boolean =>
    custom ? areFrames(frames) : areEventFor(name, frames);
  return new Set(events).size === events.length && events.every(isEvent);
}
