import { userIn } from '../routing/reserved-rooms.js';
import type { Session } from './session.js';

/** About a kilobyte for each room that no other client is in, and for each session as much as for so many rooms. */
const MAX_ROOMS = 600_000;
const SESSION_ROOMS = 8;
/** Room is made for many at once. */
const KEPT = 0.9;

interface OfUser {
  rooms: number;
  /** The sessions and the rooms of each, the oldest first. */
  readonly sessions: Map<Session, number>;
}

/**
 * The rooms of clients that are away, which stay subscribed. A client may connect and leave again and again: those of the users
 * with most make room.
 *
 * @internal
 */
export class AwayRooms {
  /** Clients without a user count as one. */
  private readonly users = new Map<string, OfUser>();
  private readonly userOf = new Map<Session, string>();
  private rooms = 0;

  constructor(private readonly maxRooms = MAX_ROOMS) {}

  add(session: Session): void {
    this.delete(session);
    const userId = userIn(session.rooms) ?? '';
    const user = this.users.get(userId) ?? { rooms: 0, sessions: new Map<Session, number>() };
    const rooms = SESSION_ROOMS + session.rooms.size;
    user.sessions.set(session, rooms);
    user.rooms += rooms;
    this.users.set(userId, user);
    this.userOf.set(session, userId);
    this.rooms += rooms;
  }

  delete(session: Session): void {
    const userId = this.userOf.get(session);
    const user = userId === undefined ? undefined : this.users.get(userId);
    if (userId === undefined || user === undefined) return;
    const rooms = user.sessions.get(session) ?? 0;
    this.userOf.delete(session);
    user.sessions.delete(session);
    user.rooms -= rooms;
    if (user.sessions.size === 0) this.users.delete(userId);
    this.rooms -= rooms;
  }

  /** The sessions to end, because there are too many: the older half of each user with most. */
  surplus(): Session[] {
    const ended: Session[] = [];
    if (this.rooms <= this.maxRooms) return ended;
    let left = this.rooms;
    for (const user of [...this.users.values()].sort((a, b) => b.rooms - a.rooms)) {
      const half = user.rooms / 2;
      let kept = user.rooms;
      for (const [session, rooms] of user.sessions) {
        if (left <= this.maxRooms * KEPT) return ended;
        if (kept <= half) break;
        ended.push(session);
        kept -= rooms;
        left -= rooms;
      }
    }
    return ended;
  }
}
