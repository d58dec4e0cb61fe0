import { lenientNow } from '../../reporting/lenient-now.js';

/** The number of joins after which the older generation is forgotten earlier. */
const MAX_JOINS = 50_000;

type Joins = Map<string, Map<string, number>>;

/**
 * The times of recent joins: a late event is for sockets that were in the room when the event was sent. Older joins are
 * forgotten, because all late events were sent after them.
 *
 * @internal
 */
export class RecentJoins {
  /** The times of joins by room and socket, in ms since 1970. The older of the two generations is forgotten as a whole. */
  private current: Joins = new Map();
  private before: Joins = new Map();
  private count = 0;
  private since = -Infinity;

  /** @param keptMs 0: nothing is late */
  constructor(
    private readonly keptMs: number,
    private readonly maxJoins = MAX_JOINS,
  ) {}

  get size(): number {
    return this.current.size + this.before.size;
  }

  add(id: string, rooms: Iterable<string>): void {
    if (this.keptMs === 0) return;
    const now = lenientNow();
    if (this.count >= this.maxJoins || now - this.since >= this.keptMs) this.turn(now);
    for (const room of rooms) {
      // Skip the socket's own room, which the socket joins when it connects.
      if (room === id) continue;
      this.count++;
      const ids = this.current.get(room);
      if (ids === undefined) this.current.set(room, new Map([[id, now]]));
      else ids.set(id, now);
    }
  }

  /** The socket has left the room. */
  delete(id: string, room: string): void {
    for (const joins of [this.current, this.before]) {
      const ids = joins.get(room);
      if (ids?.delete(id) !== true) continue;
      if (joins === this.current) this.count--;
      if (ids.size === 0) joins.delete(room);
    }
  }

  /** Whether a socket has joined a room after a moment, in ms since 1970. */
  isLater(id: string, room: string, moment: number): boolean {
    const at = this.current.get(room)?.get(id) ?? this.before.get(room)?.get(id);
    return at !== undefined && at > moment;
  }

  private turn(now: number): void {
    // Forget both generations if the time of both is over.
    this.before = now - this.since >= 2 * this.keptMs ? new Map() : this.current;
    this.current = new Map();
    this.count = 0;
    this.since = now;
  }
}
