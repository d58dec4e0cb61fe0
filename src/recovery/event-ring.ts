import { EventOffset } from '../wire/offset.js';
import type { Delivery } from '../routing/local-namespace.js';
import { ByteArena } from './byte-arena.js';
import { EvictedEvents, type LastEvicted } from './evicted-events.js';
import { ALL, EventChunk, type ChunkIndex, type KeptEvent, type Position } from './event-chunk.js';

/** A chunk of large events has fewer: an eighth of the limit at most. */
const PART_PER_CHUNK = 8;
/** Empty chunks that are kept for reuse. */
const MAX_SPARE = 2;
/** The memory that an entry takes beside its frames, in bytes, with its place in the index. */
const ENTRY_BYTES = 256;
/** The memory that the name of a room takes in it. */
const NAME_BYTES = 64;
/** No namespace has this number. */
const NO_SCOPE = 0;
const NO_OFFSET = new EventOffset('', 0);

/**
 * The events that this instance handed to its sockets, in that order, each once for all sockets. Bounded in bytes and age. A
 * client that comes back says with the offset of one event how far it has come.
 *
 * @internal
 */
export class EventRing {
  private readonly arena = new ByteArena();
  private readonly chunks: EventChunk[] = [];
  private readonly spare: EventChunk[] = [];
  private readonly evicted = new EvictedEvents();
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

  add(scope: number, offset: EventOffset, delivery: Delivery): void {
    const { rooms, except, volatile, packet } = delivery;
    const chunk = this.chunkFor(performance.now());
    const i = chunk.length;
    let bytes = ENTRY_BYTES + NAME_BYTES * (rooms.length + except.length);
    chunk.rooms[i] = rooms;
    chunk.except[i] = except;
    chunk.within[i] = delivery.within;
    chunk.compress[i] = delivery.compress;
    chunk.asOf[i] = delivery.asOf ?? NaN;
    if (!volatile) {
      const { frames } = packet;
      const block = this.arena.keep(frames);
      chunk.blocks[i] = block;
      chunk.ends[i] = block.used;
      chunk.starts[i] = block.used - frames.length;
      bytes += frames.length;
    }
    this.append(chunk, scope, offset, bytes);
  }

  /** Takes a position that no event has: those before it and those after it can be told apart. */
  skip(): Position {
    const position = this.next;
    this.append(this.chunkFor(performance.now()), NO_SCOPE, NO_OFFSET, ENTRY_BYTES);
    return position;
  }

  /** The chunk that the next event goes into. */
  private chunkFor(now: number): EventChunk {
    let chunk = this.chunks.at(-1);
    if (
      chunk === undefined ||
      chunk.length === EventChunk.SIZE ||
      chunk.bytes > this.limits.maxBytes / PART_PER_CHUNK
    ) {
      this.trim(now);
      chunk = this.spare.pop() ?? new EventChunk();
      chunk.first = this.next;
      this.chunks.push(chunk);
    }
    chunk.times[chunk.length] = now;
    return chunk;
  }

  private append(
    chunk: EventChunk,
    scope: number,
    { prefix, number }: EventOffset,
    bytes: number,
  ): void {
    const i = chunk.length++;
    chunk.scopes[i] = scope;
    chunk.prefixes[i] = prefix;
    chunk.numbers[i] = number;
    chunk.bytes += bytes;
    this.kept += bytes;
    this.next++;
    chunk.added(i);
    if (this.kept > this.limits.maxBytes) this.trim(chunk.times[i]);
  }

  at(position: Position): KeptEvent | undefined {
    const chunk = this.chunks[this.chunkOf(position)];
    return chunk?.eventAt(position - chunk.first);
  }

  /** A copy of the frames of an event, because their block may be reused. Undefined for a volatile event. */
  framesAt(position: Position): Buffer | undefined {
    const chunk = this.chunks[this.chunkOf(position)];
    return chunk?.framesAt(position - chunk.first);
  }

  /** The positions of the events with an offset, from a position on. */
  find(scope: number, offset: EventOffset, from: Position): Position[] {
    const { prefix, number } = offset;
    return this.lookUp(
      scope,
      from,
      ({ numbers }) => [numbers.get(number)],
      (chunk, i) => chunk.prefixes[i] === prefix,
    );
  }

  /** The positions of the events for all sockets or for one of these rooms, from a position on, in order. */
  forRooms(scope: number, rooms: Iterable<string>, from: Position): Position[] {
    const names = [...ALL, ...rooms];
    const found = this.lookUp(scope, from, (index) => names.map((name) => index.rooms.get(name)));
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
    return this.evicted.last(scope, [...ALL, ...rooms], since);
  }

  /** Removes events that are too old. */
  trim(now = performance.now()): void {
    const { maxBytes, maxAgeMs } = this.limits;
    for (;;) {
      const [oldest] = this.chunks;
      if (oldest === undefined) return;
      const isTooMuch = this.kept > maxBytes;
      if (!isTooMuch && oldest.times[oldest.length - 1]! >= now - maxAgeMs) return;
      if (isTooMuch) this.overflowedAt = now;
      this.evict(oldest);
      this.chunks.shift();
    }
  }

  clear(): void {
    this.chunks.length = 0;
    this.spare.length = 0;
    this.evicted.clear(this.next);
    this.arena.clear();
    this.kept = 0;
  }

  private evict(chunk: EventChunk): void {
    this.kept -= chunk.bytes;
    for (let i = 0; i < chunk.length; i++) {
      const block = chunk.blocks[i];
      if (block !== undefined) this.arena.free(block);
      const offset = chunk.offsetAt(i);
      const event = { position: chunk.first + i, offset, volatileOffset: undefined };
      const scope = chunk.scopes[i]!;
      for (const room of chunk.roomsAt(i)) {
        this.evicted.add(scope, room, event, block === undefined);
      }
    }
    chunk.clear();
    if (this.spare.length < MAX_SPARE) this.spare.push(chunk);
  }

  private lookUp(
    scope: number,
    from: Position,
    found: (index: ChunkIndex) => (readonly Position[] | undefined)[],
    isOne: (chunk: EventChunk, i: number) => boolean = () => true,
  ): Position[] {
    const positions: Position[] = [];
    for (let c = Math.max(0, this.chunkOf(from)); c < this.chunks.length; c++) {
      const chunk = this.chunks[c]!;
      for (const list of found(chunk.indexed())) {
        for (const position of list ?? []) {
          const i = position - chunk.first;
          if (position >= from && chunk.scopes[i] === scope && isOne(chunk, i))
            positions.push(position);
        }
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
