import { ByteArena, type ByteRange } from './byte-arena.js';
import type { Delivery } from '../routing/local-namespace.js';
import { addToList } from './lists.js';

/** Entries are removed this many at a time. */
const ENTRIES_PER_CHUNK = 512;
/** A chunk of large events has fewer: an eighth of the limit at most. */
const PART_PER_CHUNK = 8;
/** The memory that an entry takes beside its frames, in bytes. */
const ENTRY_BYTES = 256;
/** The memory that the name of a room takes in it. */
const NAME_BYTES = 64;
/** No namespace has this number. */
const NO_SCOPE = 0;
/** Rooms whose last event is remembered after it has left the ring. */
const MAX_ROOMS = 50_000;

/** The place of an event in the order in which this instance handed events to its sockets, from 0. @internal */
export type Position = number;

/** An event that this instance handed to its sockets. @internal */
export interface KeptEvent extends Pick<
  Delivery,
  'rooms' | 'except' | 'within' | 'compress' | 'asOf'
> {
  /** The namespace of one server. */
  readonly scope: number;
  readonly offset: string;
  /** Undefined for a volatile event: only its offset is kept. */
  readonly place: ByteRange | undefined;
  /** Monotonic time (`performance.now()`). */
  readonly at: number;
}

interface Chunk {
  readonly first: Position;
  readonly entries: KeptEvent[];
  bytes: number;
  /** The positions of each offset and of each room. Made when it is first needed. */
  index: ChunkIndex | undefined;
}

interface ChunkIndex {
  readonly offsets: Map<string, Position[]>;
  readonly rooms: Map<string, Position[]>;
}

/** The last events of a room that have left the ring. @internal */
export interface LastEvicted {
  readonly position: Position;
  readonly offset: string;
  /** The last volatile event after it, which a client may have received. */
  readonly volatileOffset?: string | undefined;
}

/**
 * The events that this instance handed to its sockets, in that order, each once for all sockets. Bounded in bytes and age. A
 * client that comes back says with the offset of one event how far it has come.
 *
 * @internal
 */
export class EventRing {
  private readonly arena = new ByteArena();
  private readonly chunks: Chunk[] = [];
  private readonly evicted = new Map<string, LastEvicted>();
  /** The position before which nothing is known of evicted events. */
  private forgottenBefore: Position = 0;
  private next: Position = 0;
  private kept = 0;
  /** When events last left the ring because there were too many, in monotonic time (`performance.now()`). */
  private overflowedAt = -Infinity;

  constructor(private readonly limits: { readonly maxBytes: number; readonly maxAgeMs: number }) {}

  /** The position of the next event. */
  get position(): Position {
    return this.next;
  }

  /** The position of the oldest event that is kept. */
  get start(): Position {
    return this.chunks[0]?.first ?? this.next;
  }

  /** The memory that the events take, in bytes. */
  get bytes(): number {
    return this.kept;
  }

  /** Whether the ring has dropped events since then because it was full. */
  overflowedSince(moment: number): boolean {
    return this.overflowedAt >= moment;
  }

  add(scope: number, offset: string, delivery: Delivery): void {
    const { rooms, except, within, compress, asOf, volatile, packet } = delivery;
    const at = performance.now();
    const place = volatile ? undefined : this.arena.keep(packet.frames);
    const names = NAME_BYTES * (rooms.length + except.length);
    this.append(
      { scope, offset, rooms, except, within, compress, asOf, place, at },
      ENTRY_BYTES + names + (volatile ? 0 : packet.frames.length),
    );
  }

  /** Takes a position that no event has: those before it and those after it can be told apart. */
  skip(): Position {
    const position = this.next;
    const none = { scope: NO_SCOPE, offset: '', rooms: [], except: [], compress: false };
    this.append({ ...none, place: undefined, at: performance.now() }, ENTRY_BYTES);
    return position;
  }

  private append(entry: KeptEvent, bytes: number): void {
    const { at } = entry;
    let chunk = this.chunks.at(-1);
    if (
      chunk === undefined ||
      chunk.entries.length === ENTRIES_PER_CHUNK ||
      chunk.bytes > this.limits.maxBytes / PART_PER_CHUNK
    ) {
      chunk = { first: this.next, entries: [], bytes: 0, index: undefined };
      this.chunks.push(chunk);
      this.trim(at);
    }
    chunk.entries.push(entry);
    chunk.bytes += bytes;
    this.kept += bytes;
    if (chunk.index !== undefined) addTo(chunk.index, entry, this.next);
    this.next++;
    if (this.kept > this.limits.maxBytes) this.trim(at);
  }

  at(position: Position): KeptEvent | undefined {
    const chunk = this.chunks[this.chunkOf(position)];
    return chunk?.entries[position - chunk.first];
  }

  /** A copy of the frames of an event. */
  framesOf({ place }: KeptEvent): Buffer | undefined {
    return place && this.arena.read(place);
  }

  /** The positions of the events with an offset, from a position on. */
  find(scope: number, offset: string, from: Position): Position[] {
    return this.lookUp(from, ({ offsets }) => [offsets.get(offset)]).filter(
      (position) => this.at(position)?.scope === scope,
    );
  }

  /** The positions of the events for all sockets or for one of these rooms, from a position on, in order. */
  forRooms(scope: number, rooms: Iterable<string>, from: Position): Position[] {
    const keys = keysOf(scope, rooms);
    const found = this.lookUp(from, (index) => keys.map((key) => index.rooms.get(key)));
    // An event may be for several of the rooms.
    return [...new Set(found)].sort((a, b) => a - b);
  }

  /**
   * The last event for all sockets or for one of these rooms that has left the ring, if its position is not before `since`.
   * `unknown`: there may be one.
   */
  lastEvicted(
    scope: number,
    rooms: Iterable<string>,
    since: Position,
  ): LastEvicted | 'unknown' | undefined {
    let last: LastEvicted | undefined;
    for (const key of keysOf(scope, rooms)) {
      const evicted = this.evicted.get(key);
      if (evicted !== undefined && evicted.position >= (last?.position ?? since)) last = evicted;
    }
    return this.forgottenBefore > (last?.position ?? since) ? 'unknown' : last;
  }

  /** Removes events that are too old. */
  trim(now = performance.now()): void {
    const { maxBytes, maxAgeMs } = this.limits;
    for (;;) {
      const [oldest] = this.chunks;
      const last = oldest?.entries.at(-1);
      if (oldest === undefined || last === undefined) return;
      const isTooMuch = this.kept > maxBytes;
      if (!isTooMuch && last.at >= now - maxAgeMs) return;
      if (isTooMuch) this.overflowedAt = now;
      this.evict(oldest);
      this.chunks.shift();
    }
  }

  clear(): void {
    this.chunks.length = 0;
    this.evicted.clear();
    this.forgottenBefore = this.next;
    this.arena.clear();
    this.kept = 0;
  }

  private evict({ entries, first, bytes }: Chunk): void {
    this.kept -= bytes;
    for (const [i, entry] of entries.entries()) {
      const { offset, place, scope, rooms } = entry;
      if (place !== undefined) this.arena.free(place);
      for (const key of rooms.length === 0 ? [keyOf(scope, '')] : keysOf(scope, rooms, [])) {
        const before = this.evicted.get(key);
        // At the end of the map: those that had no event for the longest time are forgotten first.
        this.evicted.delete(key);
        this.evicted.set(
          key,
          place === undefined && before !== undefined
            ? { ...before, volatileOffset: offset }
            : { position: first + i, offset },
        );
      }
    }
    for (const [key, { position }] of this.evicted) {
      if (this.evicted.size <= MAX_ROOMS) return;
      this.evicted.delete(key);
      this.forgottenBefore = Math.max(this.forgottenBefore, position + 1);
    }
  }

  private lookUp(
    from: Position,
    found: (index: ChunkIndex) => (readonly Position[] | undefined)[],
  ): Position[] {
    const positions: Position[] = [];
    for (let i = Math.max(0, this.chunkOf(from)); i < this.chunks.length; i++) {
      const chunk = this.chunks[i]!;
      for (const list of found((chunk.index ??= indexOf(chunk)))) {
        for (const position of list ?? []) if (position >= from) positions.push(position);
      }
    }
    return positions;
  }

  /** The index of the chunk that has a position; -1: it is not kept any more. */
  private chunkOf(position: Position): number {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.chunks[middle]!.first <= position) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function indexOf({ entries, first }: Chunk): ChunkIndex {
  const index: ChunkIndex = { offsets: new Map(), rooms: new Map() };
  for (const [i, entry] of entries.entries()) addTo(index, entry, first + i);
  return index;
}

function addTo(index: ChunkIndex, { scope, offset, rooms }: KeptEvent, position: Position): void {
  addToList(index.offsets, offset, position);
  if (rooms.length === 0) addToList(index.rooms, keyOf(scope, ''), position);
  for (const room of rooms) addToList(index.rooms, keyOf(scope, room), position);
}

const keyOf = (scope: number, room: string): string => `${scope} ${room}`;

function keysOf(scope: number, rooms: Iterable<string>, more: string[] = [keyOf(scope, '')]) {
  return [...more, ...Array.from(rooms, (room) => keyOf(scope, room))];
}
