import type { Socket } from 'socket.io';
import { isReservedRoom, sessionIn, sessionRoom } from '../routing/reserved-rooms.js';
import { EventOffset } from '../wire/offset.js';
import { isSelected } from '../routing/socket-selector.js';
import type { KeptEvent, Position } from './event-chunk.js';
import type { EventRing } from './event-ring.js';
import type { RecoveryFailure } from './recovery-counts.js';
import { RoomChanges, type RoomChange } from './room-changes.js';

/** An event as a client gets it. @internal */
export interface MissedEvent {
  readonly offset: string;
  readonly frames: Buffer;
  readonly compress: boolean;
  /** Identifies one delivery of the event: a socket may get an event several times, by several rooms. */
  readonly key: string;
  /** When this instance handed it to its sockets, in monotonic time (`performance.now()`). */
  readonly at: number;
}

/** Events that were read from the ring, by position. @internal */
export type KnownEvents = Map<Position, MissedEvent>;

/** The events that a client missed. @internal */
export interface Missed {
  readonly events: readonly MissedEvent[];
  /** The offset of the client that has none of them. */
  readonly base: string;
}

/** A place among the events of a session. */
interface Place {
  /** The number of the carried events before it. */
  readonly index: number;
  readonly position: Position;
  /** The offset of the client that has all events before it. */
  readonly base: string;
}

/** @internal */
export interface SessionStart {
  readonly pid: string;
  readonly sid: string;
  readonly namespace: string;
  /** The namespace of one server. */
  readonly scope: number;
  /** The position from which on the events of the ring are those of the session. */
  readonly since: Position;
  /** The offset with which the client came: it has no event of this session. */
  readonly base: string;
  /** When the client connected to this instance, in ms since 1970. */
  readonly issued: number;
  /** The events before those of the ring: the client missed them on another instance. */
  readonly carried?: readonly MissedEvent[];
  /** The offset of the last event of the instance where the client was before: the client has it, and all before it. */
  readonly upTo?: string;
}

/**
 * The session of a client in a namespace, for connection recovery: its events are those that it brought from another
 * instance, then those of the ring for its rooms.
 *
 * @internal
 */
export class Session {
  readonly pid: string;
  readonly sid: string;
  readonly namespace: string;
  readonly scope: number;
  readonly since: Position;
  readonly issued: number;
  carried: readonly MissedEvent[];
  /** Undefined while the client is away. */
  socket: Socket | undefined;
  /** The rooms when the client left, with those of its user and session. */
  rooms: ReadonlySet<string> = new Set();
  data: unknown = {};
  /** When the client left, in monotonic time (`performance.now()`). */
  awaySince = 0;
  /** Whether the session is being handed to a client or another instance. */
  taken = false;
  /** Whether the user or the session was revoked while the client was away. The session then only shows who comes back. */
  revoked = false;
  private readonly upTo: EventOffset;
  private base: string;
  private readonly changes = new RoomChanges();

  constructor(start: SessionStart) {
    this.pid = start.pid;
    this.sid = start.sid;
    this.namespace = start.namespace;
    this.scope = start.scope;
    this.since = start.since;
    this.issued = start.issued;
    this.base = start.base;
    this.carried = start.carried ?? [];
    this.upTo = EventOffset.of(start.upTo ?? '');
  }

  /** The socket has joined a room or left it. */
  changed(change: RoomChange, ring: EventRing): void {
    this.changes.add(change, ring);
  }

  /** As {@link changed}, before the socket is connected. */
  changedAway(change: RoomChange, ring: EventRing): void {
    const { room, joined } = change;
    const rooms = new Set(this.rooms);
    // A room that it has already is no new one: it missed events there.
    if (rooms.has(room) === joined) return;
    if (joined) rooms.add(room);
    else rooms.delete(room);
    this.rooms = rooms;
    this.changed(change, ring);
  }

  /** The client has received all that it brought from another instance. */
  forgetCarried(): void {
    this.base = this.carried.at(-1)?.offset ?? this.base;
    this.carried = [];
  }

  /**
   * The events after the one with this offset, the last one that the client received. Without an offset: those since a moment,
   * in monotonic time (`performance.now()`).
   *
   * @param gapAt the position at which events were lost that no instance has any more; -1: none were
   * @param current the rooms of the client's user and session; those of an earlier session get nothing
   * @param known events that were read before, perhaps for other sessions
   */
  missed(
    ring: EventRing,
    after: { readonly offset: string } | { readonly since: number },
    gapAt: Position,
    current?: ReadonlySet<string>,
    known: KnownEvents = new Map(),
  ): Missed | RecoveryFailure {
    const from = 'offset' in after ? this.placeOf(ring, after.offset) : this.oldest(ring);
    if (typeof from === 'string') return from;
    const { index, position, base } = from;
    if (Math.max(position, ring.start) < this.changes.knownFrom) return 'too-much';
    // With a position before it, events between the two may be missing.
    if (position <= gapAt) return 'not-proven';
    const brought = new Set(this.carried.map(({ key }) => key));
    const foreign = this.roomOfEarlier(current);
    const events = this.carried
      .slice(index)
      .filter(({ offset, key }) => foreign === undefined || key !== keyOf(offset, [foreign]));
    for (const at of ring.forRooms(this.scope, this.everyRoom(), position)) {
      const entry = ring.at(at);
      if (entry === undefined || !this.isFor(entry, at, current)) continue;
      const event = known.get(at) ?? readEvent(ring, at, entry);
      if (event === undefined || brought.has(event.key)) continue;
      known.set(at, event);
      events.push(event);
    }
    if ('offset' in after) {
      // JSON from outside may come twice with the same content, and so with the same offset: the client had one of them.
      const isOne = events.every(({ offset }) => offset !== after.offset);
      return isOne ? { events, base } : 'not-proven';
    }
    const first = events.findIndex(({ at }) => at >= after.since);
    const recent = first === -1 ? [] : events.slice(first);
    const before = events[events.length - recent.length - 1];
    return { events: recent, base: before?.offset ?? base };
  }

  /** The room of its session of authentication, if that is not the client's any more: it gets no event of that room. */
  private roomOfEarlier(current: ReadonlySet<string> | undefined): string | undefined {
    const sessionId = current && sessionIn(this.rooms);
    const room = sessionId === undefined ? undefined : sessionRoom(sessionId);
    return room === undefined || current?.has(room) === true ? undefined : room;
  }

  /** Where the client has come to. */
  private placeOf(ring: EventRing, offset: string): Place | RecoveryFailure {
    const { carried, since, scope } = this;
    const evicted = ring.lastEvicted(scope, this.everyRoom(), since);
    const received = carried.findIndex((event) => event.offset === offset);
    if (received >= 0 || (evicted === undefined && offset === this.base)) {
      // After the carried events come all those of the ring.
      if (evicted !== undefined) return this.lost(ring);
      return { index: received + 1, position: since, base: offset };
    }
    for (const position of ring.find(scope, EventOffset.of(offset), since)) {
      const entry = ring.at(position);
      if (entry !== undefined && this.isFor(entry, position)) {
        return { index: carried.length, position: position + 1, base: offset };
      }
    }
    if (evicted === undefined) return 'not-proven';
    if (evicted === 'unknown') return this.lost(ring);
    const isLast = offset === evicted.offset.text || offset === evicted.volatileOffset?.text;
    const place = { index: carried.length, position: evicted.position + 1, base: offset };
    return isLast ? place : this.lost(ring);
  }

  /** The oldest place from which on all events are known. */
  private oldest(ring: EventRing): Place | RecoveryFailure {
    const evicted = ring.lastEvicted(this.scope, this.everyRoom(), this.since);
    if (evicted === undefined) return { index: 0, position: this.since, base: this.base };
    if (evicted === 'unknown') return this.lost(ring);
    return { index: this.carried.length, position: ring.start, base: evicted.offset.text };
  }

  private lost(ring: EventRing): RecoveryFailure {
    return ring.overflowedSince(this.awaySince) ? 'too-much' : 'too-old';
  }

  /** The rooms that the session has, or had while the ring goes back. */
  private everyRoom(): Set<string> {
    return new Set([this.sid, ...this.rooms, ...this.changes.rooms()]);
  }

  private isFor(entry: KeptEvent, position: Position, current?: ReadonlySet<string>): boolean {
    const { asOf } = entry;
    // A late event: the client may have received it on the instance where it was before.
    if (asOf !== undefined && this.issued > asOf) return false;
    // It waited for Redis while the sockets of its instance had it.
    if (entry.offset.isUpTo(this.upTo)) return false;
    const isIn = (room: string): boolean => this.wasIn(room, position);
    const gets = (room: string): boolean =>
      isIn(room) &&
      (asOf === undefined || this.wasInBy(room, asOf)) &&
      (current === undefined || sessionIn([room]) === undefined || current.has(room));
    return isSelected(entry, isIn, gets);
  }

  /** Whether the socket was in a room when the event at a position was handed out. */
  private wasIn(room: string, position: Position): boolean {
    return this.wasInUntil(room, (change) => change.position <= position, this.rooms.has(room));
  }

  /** Whether the socket was in a room at a moment, in ms since 1970. */
  wasInBy(room: string, moment: number, isNow = this.rooms.has(room)): boolean {
    return this.wasInUntil(room, ({ at }) => at <= moment, isNow);
  }

  private wasInUntil(
    room: string,
    isBefore: (change: RoomChange) => boolean,
    isNow: boolean,
  ): boolean {
    return room === this.sid || this.changes.wasIn(room, isBefore, isNow);
  }

  /** The rooms that the app knows. */
  get ownRooms(): string[] {
    return [...this.rooms].filter((room) => room !== this.sid && !isReservedRoom(room));
  }
}

/** Undefined for a volatile event. */
function readEvent(ring: EventRing, position: Position, entry: KeptEvent): MissedEvent | undefined {
  const frames = ring.framesAt(position);
  const { compress, at, rooms } = entry;
  const offset = entry.offset.text;
  return frames && { offset, compress, frames, key: keyOf(offset, rooms), at };
}

/** Identifies one delivery of an event: it may have gone to several rooms, one after the other. @internal */
export function keyOf(offset: string, rooms: readonly string[]): string {
  return `${offset} ${rooms.join(' ')}`;
}
