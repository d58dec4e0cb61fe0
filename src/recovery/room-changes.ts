import type { Position } from './event-chunk.js';
import type { EventRing } from './event-ring.js';
import { addToList } from './lists.js';

/** @internal */
export interface RoomChange {
  readonly room: string;
  readonly joined: boolean;
  /** Events from this position on are affected. */
  readonly position: Position;
  /** Late events that were sent after this moment are affected, in ms since 1970. */
  readonly at: number;
}

/** The changes that are kept for one session. */
const MAX_CHANGES = 512;
/** A late event may come so long after it was sent. */
const MAX_LATE_MS = 120_000;

/** The rooms that a socket has joined and left, in order, while there may be events of before. @internal */
export class RoomChanges {
  /** Changes before this position are not known any more. */
  knownFrom: Position = 0;
  private readonly all: RoomChange[] = [];
  /** Made when it is first needed: a room is looked up for each of many events. */
  private byRoom: ReadonlyMap<string, readonly RoomChange[]> | undefined;

  add(change: RoomChange, ring: Pick<EventRing, 'start'>): void {
    const { all } = this;
    const isOver = ({ position, at }: RoomChange): boolean =>
      position < ring.start && at < change.at - MAX_LATE_MS;
    while (all[0] !== undefined && isOver(all[0])) all.shift();
    if (all.length >= MAX_CHANGES) this.knownFrom = all.shift()!.position;
    // The clock may be set back.
    all.push({ ...change, at: Math.max(change.at, all.at(-1)?.at ?? 0) });
    this.byRoom = undefined;
  }

  rooms(): string[] {
    return this.all.map(({ room }) => room);
  }

  /** Whether the socket was in a room after the changes that `isBefore` accepts, the first ones. */
  wasIn(room: string, isBefore: (change: RoomChange) => boolean, isNow: boolean): boolean {
    this.byRoom ??= byRoom(this.all);
    const changes = this.byRoom.get(room) ?? [];
    let low = 0;
    let high = changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(changes[middle]!)) low = middle + 1;
      else high = middle;
    }
    const next = changes[low];
    return next === undefined ? isNow : !next.joined;
  }
}

function byRoom(changes: readonly RoomChange[]): Map<string, RoomChange[]> {
  const lists = new Map<string, RoomChange[]>();
  for (const change of changes) addToList(lists, change.room, change);
  return lists;
}
