import type { InstanceId } from '../wire/envelope.js';
import { eventsIn, listEvents } from './event-list.js';
import type { MissedEvent } from './session.js';

/** A chunk of events has at most so many of them, and bytes of frames; at least one. @internal */
export const MAX_CHUNK_EVENTS = 1_000;
/** @internal */
export const MAX_CHUNK_BYTES = 256 * 1024;
/** The stored fields of a session, beside the data of its socket. @internal */
export interface About {
  readonly sid: string;
  readonly namespace: string;
  readonly rooms: readonly string[];
  readonly custom: boolean;
  readonly base: string;
  readonly upTo: string;
  readonly from: InstanceId;
  /** Its events: numbers of chunks, the first event in each and how many follow one another. */
  readonly events: readonly (readonly [chunk: number, first: number, count: number])[];
  /** ms since 1970. */
  readonly until: number;
}

/** Events that are stored together. @internal */
export interface Chunk {
  readonly events: MissedEvent[];
  bytes: number;
}

const LENGTH_BYTES = 4;

/** JSON, and bytes. @internal */
export function pack(header: unknown, bytes: Buffer = Buffer.alloc(0)): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, bytes]);
}

/** @throws RangeError or SyntaxError @internal */
export function unpack(packed: Buffer): readonly [header: unknown, bytes: Buffer] {
  const end = LENGTH_BYTES + packed.readUInt32BE(0);
  const header: unknown = JSON.parse(packed.toString('utf8', LENGTH_BYTES, end));
  return [header, packed.subarray(end)];
}

/** Adds an event to the last chunk, or to a new one. @internal */
export function place(
  chunks: Chunk[],
  event: MissedEvent,
): readonly [chunk: number, index: number] {
  const { length } = event.frames;
  let chunk = chunks.at(-1);
  const hasRoom =
    chunk !== undefined &&
    chunk.events.length < MAX_CHUNK_EVENTS &&
    chunk.bytes + length <= MAX_CHUNK_BYTES;
  if (chunk === undefined || !hasRoom) chunks.push((chunk = { events: [], bytes: 0 }));
  chunk.bytes += length;
  return [chunks.length - 1, chunk.events.push(event) - 1];
}

/** Places of events, with those that follow one another as one range. @internal */
export function rangesOf(
  places: readonly (readonly [chunk: number, index: number])[],
): About['events'] {
  const ranges: [chunk: number, first: number, count: number][] = [];
  for (const [chunk, index] of places) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] === chunk && last[1] + last[2] === index) last[2]++;
    else ranges.push([chunk, index, 1]);
  }
  return ranges;
}

/** @internal */
export function packChunk({ events }: Chunk): Buffer {
  const { list, frames } = listEvents(events);
  return pack(list, frames);
}

/** The events of a chunk. @throws TypeError, RangeError or SyntaxError @internal */
export function readChunk(packed: Buffer): MissedEvent[] {
  return eventsIn(...unpack(packed));
}

/** @throws TypeError @internal */
export function aboutIn(header: unknown): About {
  const about = (header ?? {}) as Partial<About>;
  const texts = [about.sid, about.namespace, about.base, about.upTo, about.from];
  const isWhole =
    texts.every((text) => typeof text === 'string') &&
    Array.isArray(about.rooms) &&
    about.rooms.every((room) => typeof room === 'string') &&
    Array.isArray(about.events) &&
    about.events.every(isRange) &&
    typeof about.until === 'number';
  if (!isWhole) throw new TypeError('a session of another form');
  return { ...(about as About), custom: about.custom === true };
}

function isRange(range: unknown): boolean {
  if (!Array.isArray(range) || !range.every(Number.isSafeInteger)) return false;
  const [chunk, first, count] = range as number[];
  return chunk! >= 0 && first! >= 0 && count! >= 1;
}
