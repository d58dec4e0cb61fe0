import type { EventOffset } from '../wire/offset.js';

const MAX_ROOMS = 50_000;

/** The last events of a room that have left the ring. @internal */
export interface LastEvicted {
  readonly position: number;
  readonly offset: EventOffset;
  /** The last volatile event after it, which a client may have received. */
  readonly volatileOffset: EventOffset | undefined;
}

type Rooms = Map<string, LastEvicted>;

/** The last events of each room that have left the ring. @internal */
export class EvictedEvents {
  /** The last events by namespace and room, and below those of the generation before. */
  private recent = new Map<number, Rooms>();
  private older = new Map<number, Rooms>();
  private count = 0;
  /** The position after those of the older generation. */
  private olderEnd = 0;
  /** The position before which nothing is known. */
  private forgottenBefore = 0;

  /** @param maxRooms of a generation; when it is full the one before is forgotten */
  constructor(private readonly maxRooms = MAX_ROOMS) {}

  add(scope: number, room: string, event: LastEvicted, isVolatile: boolean): void {
    let rooms = this.roomsOf(scope);
    let before = rooms.get(room);
    if (before === undefined) {
      if (this.count >= this.maxRooms) rooms = this.forgetOlder(scope, event.position);
      this.count++;
      before = this.older.get(scope)?.get(room);
    }
    const isAfter = isVolatile && before !== undefined;
    rooms.set(room, isAfter ? { ...before!, volatileOffset: event.offset } : event);
  }

  /** The last one of these rooms, if its position is not before `since`. `unknown`: there may be one. */
  last(scope: number, rooms: Iterable<string>, since: number): LastEvicted | 'unknown' | undefined {
    const [recent, older] = [this.recent.get(scope), this.older.get(scope)];
    let last: LastEvicted | undefined;
    for (const room of rooms) {
      const event = recent?.get(room) ?? older?.get(room);
      if (event !== undefined && event.position >= (last?.position ?? since)) last = event;
    }
    return this.forgottenBefore > (last?.position ?? since) ? 'unknown' : last;
  }

  /** Forgets all events before a position. */
  clear(position: number): void {
    this.recent = new Map();
    this.older = new Map();
    this.count = 0;
    this.forgottenBefore = position;
  }

  private roomsOf(scope: number): Rooms {
    let rooms = this.recent.get(scope);
    if (rooms === undefined) this.recent.set(scope, (rooms = new Map()));
    return rooms;
  }

  private forgetOlder(scope: number, position: number): Rooms {
    if (this.older.size > 0) this.forgottenBefore = this.olderEnd;
    this.older = this.recent;
    // The event at this position may be in both, by another room.
    this.olderEnd = position + 1;
    this.recent = new Map();
    this.count = 0;
    return this.roomsOf(scope);
  }
}
