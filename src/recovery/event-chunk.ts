import type { Delivery } from '../routing/local-namespace.js';
import { EventOffset } from '../wire/offset.js';
import type { Block } from './byte-arena.js';
import { addToList } from './lists.js';

const NONE: readonly string[] = Object.freeze([]);
/** The room of the events for all sockets. @internal */
export const ALL = [''];

/** The place of an event in the order in which this instance handed events to its sockets, from 0. @internal */
export type Position = number;

/** An event that this instance handed to its sockets. @internal */
export interface KeptEvent extends Pick<
  Delivery,
  'rooms' | 'except' | 'within' | 'compress' | 'asOf'
> {
  /** The namespace of one server. */
  readonly scope: number;
  readonly offset: EventOffset;
  /** Monotonic time (`performance.now()`). */
  readonly at: number;
}

/** The positions of each event and of each room, in any namespace. @internal */
export interface ChunkIndex {
  /** Positions by the numbers of the offsets. */
  readonly numbers: Map<number, Position[]>;
  readonly rooms: Map<string, Position[]>;
}

/**
 * Events in columns, which are reused: an object for each event, kept for a minute, would survive into the old generation, which is
 * expensive to collect.
 *
 * @internal
 */
export class EventChunk {
  static readonly SIZE = 512;

  first: Position = 0;
  length = 0;
  bytes = 0;
  /** The index, created when it is first needed. */
  private index: ChunkIndex | undefined;
  readonly scopes = new Uint32Array(EventChunk.SIZE);
  readonly prefixes = columnOf('');
  readonly numbers = new Float64Array(EventChunk.SIZE);
  readonly times = new Float64Array(EventChunk.SIZE);
  /** NaN: the event was not late. */
  readonly asOf = new Float64Array(EventChunk.SIZE);
  readonly rooms = columnOf(NONE);
  readonly except = columnOf(NONE);
  readonly within = columnOf<string | undefined>(undefined);
  readonly compress = columnOf(false);
  /** Undefined for a volatile event: only its offset is kept. */
  readonly blocks = columnOf<Block | undefined>(undefined);
  readonly starts = new Uint32Array(EventChunk.SIZE);
  readonly ends = new Uint32Array(EventChunk.SIZE);

  offsetAt(i: number): EventOffset {
    return new EventOffset(this.prefixes[i]!, this.numbers[i]!);
  }

  roomsAt(i: number): readonly string[] {
    const rooms = this.rooms[i]!;
    return rooms.length === 0 ? ALL : rooms;
  }

  eventAt(i: number): KeptEvent | undefined {
    if (i >= this.length) return undefined;
    const asOf = this.asOf[i]!;
    return {
      scope: this.scopes[i]!,
      offset: this.offsetAt(i),
      rooms: this.rooms[i]!,
      except: this.except[i]!,
      within: this.within[i],
      compress: this.compress[i]!,
      asOf: Number.isNaN(asOf) ? undefined : asOf,
      at: this.times[i]!,
    };
  }

  /** A copy of the frames of an event, because their block may be reused. */
  framesAt(i: number): Buffer | undefined {
    const block = this.blocks[i];
    return block && Buffer.from(block.bytes.subarray(this.starts[i], this.ends[i]));
  }

  indexed(): ChunkIndex {
    if (this.index !== undefined) return this.index;
    this.index = { numbers: new Map(), rooms: new Map() };
    for (let i = 0; i < this.length; i++) this.added(i);
    return this.index;
  }

  /** Adds an event to the index. */
  added(i: number): void {
    if (this.index === undefined) return;
    const position = this.first + i;
    addToList(this.index.numbers, this.numbers[i]!, position);
    for (const room of this.roomsAt(i)) addToList(this.index.rooms, room, position);
  }

  /** Makes it ready for other events. */
  clear(): void {
    this.length = 0;
    this.bytes = 0;
    this.index = undefined;
    this.prefixes.fill('');
    this.rooms.fill(NONE);
    this.except.fill(NONE);
    this.within.fill(undefined);
    this.blocks.fill(undefined);
  }
}

function columnOf<T>(value: T): T[] {
  return Array.from({ length: EventChunk.SIZE }, () => value);
}
