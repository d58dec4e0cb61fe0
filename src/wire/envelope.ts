import {
  areFrames,
  framesLength,
  payloadLengths,
  writeFrames,
  type EncodedPart,
} from './frames.js';
import { latestKeyLength, readLatestKey, writeLatestKey } from './latest-key.js';
import {
  readTrace,
  traceEnd,
  traceLength,
  writeTrace,
  type TraceContext,
} from './trace-context.js';

/**
 * The envelope: an event on the wire between instances. All numbers are big-endian.
 *
 * | offset | size | field                                                          |
 * |--------|------|----------------------------------------------------------------|
 * | 0      | 1    | version, 1 or 2                                                |
 * | 1      | 1    | kind, 0 = event, 1 = message of the cluster itself             |
 * | 2      | 2    | flags                                                          |
 * | 4      | 4    | length of the header in bytes: where the frames start          |
 * | 8      | 6    | time of sending, ms since 1970                                 |
 * | 14     | 6    | sequence number of the origin                                  |
 * | 20     | 8    | id of the origin                                               |
 * | 28     | ...  | except (flag 4), then rooms (flag 8): lists of strings         |
 * | ...    | ...  | trace context (flag 128), see trace-context.ts                 |
 * | ...    | ...  | key of `latestOnly` (flag 512), see latest-key.ts              |
 *
 * Version 2 has 12 bytes more in front of the lists:
 *
 * | offset | size | field                                                          |
 * |--------|------|----------------------------------------------------------------|
 * | 28     | 4    | lane of the origin; 0: none                                    |
 * | 32     | 6    | number of the publish on its lane                              |
 * | 38     | 1    | flags that a receiver has to understand: none yet              |
 * | 39     | 1    | 0                                                              |
 *
 * A list is its count (2 bytes), then per string its length in bytes (2 bytes) and its UTF-8. Bytes that a later
 * version puts between the known fields and the frames are skipped, by the length of the header. Where flag 64 is
 * set the last bytes of the header are its signature, see `signature.ts`.
 */
/** A version that this library reads. @internal */
export type WireVersion = 1 | 2;
const KIND_EVENT = 0;
const KIND_CLUSTER = 1;
/** The length of the shortest header. @internal */
export const FIXED_LENGTH = 28;
const FIXED_LENGTHS: Readonly<Record<WireVersion, number>> = { 1: FIXED_LENGTH, 2: 40 };
const ORIGIN = 20;
const LANE = 28;
const NUMBER = 32;
const MUST_UNDERSTAND = 38;

const FLAG_VOLATILE = 1;
const FLAG_NO_COMPRESS = 2;
const FLAG_EXCEPT = 4;
const FLAG_ROOMS = 8;
const FLAG_CUSTOM_PARSER = 16;
/** @internal */
export const FLAG_REPEATED = 32;
/** @internal */
export const FLAG_SIGNED = 64;
/** The length of the signature in bytes. @internal */
export const TAG_LENGTH = 16;
const FLAG_TRACE = 128;
const FLAG_OFFSET = 256;
const FLAG_LATEST_ONLY = 512;

const MAX_LIST = 65_535;

/** 16 hexadecimal digits. */
export type InstanceId = string;

/** @internal */
export interface EnvelopeHeader {
  /** @default 1 */
  readonly version?: WireVersion;
  /** The id of the sending instance, as its 8 raw bytes. */
  readonly origin: Buffer;
  readonly sequence: number;
  /** ms since 1970 on the origin's clock. */
  readonly sentAt: number;
  readonly volatile: boolean;
  readonly compress: boolean;
  /** Rooms (a socket's id is one) whose sockets do not get the event. */
  readonly except: readonly string[];
  /** Rooms whose sockets get the event. Empty: all sockets of the channel. */
  readonly rooms: readonly string[];
  /** Whether a parser other than Socket.IO's own made the frames. */
  readonly customParser: boolean;
  /** Whether the last argument of the event is its offset, see offset.ts. */
  readonly hasOffset?: boolean;
  /** The span of the event. */
  readonly trace?: TraceContext | undefined;
  /** The event replaces one with the same key that waits for a socket, see latest-key.ts. */
  readonly latestOnly?: string | undefined;
  /** Whether the header has room for a signature. */
  readonly signed?: boolean;
}

/** @internal */
export interface Envelope extends Omit<EnvelopeHeader, 'version' | 'origin' | 'signed'> {
  readonly origin: InstanceId;
  /** The lane of the origin on which it was published; 0: unknown. */
  readonly lane: number;
  /** Its number there; 0: unknown. */
  readonly number: number;
  /** Whether the event may have been published before, because Redis did not confirm it. */
  readonly repeated: boolean;
  /** Complete WebSocket frames, as clients receive them. A view, not a copy. */
  readonly frames: Buffer;
}

/** Why bytes are not an envelope that this version can read. @internal */
export type EnvelopeFault =
  | 'message.malformed'
  | 'message.unknown-version'
  | 'message.unknown-kind'
  | 'message.not-understood';

function listLength(list: readonly string[]): number {
  if (list.length === 0) return 0;
  let total = 2;
  for (const entry of list) total += 2 + Buffer.byteLength(entry);
  return total;
}

function writeList(target: Buffer, start: number, list: readonly string[]): number {
  if (list.length === 0) return start;
  let offset = target.writeUInt16BE(list.length, start);
  for (const entry of list) {
    const length = target.write(entry, offset + 2);
    target.writeUInt16BE(length, offset);
    offset += 2 + length;
  }
  return offset;
}

/** Whether a list fits its length fields. @internal */
export function isEncodableList(list: readonly string[]): boolean {
  return (
    list.length <= MAX_LIST &&
    list.every((entry) => entry.length * 3 <= MAX_LIST || Buffer.byteLength(entry) <= MAX_LIST)
  );
}

/** The lengths of an envelope in bytes. @internal */
export interface EnvelopeSize {
  /** The header, before the frames. */
  readonly header: number;
  /** The payload of each frame. */
  readonly payloads: readonly number[];
  readonly total: number;
}

/** @internal */
export function sizeOf(header: HeaderParts, parts: readonly EncodedPart[]): EnvelopeSize {
  const start = headerLength(header);
  const payloads = payloadLengths(parts);
  return { header: start, payloads, total: start + framesLength(parts, payloads) };
}

type HeaderParts = Pick<
  EnvelopeHeader,
  'version' | 'except' | 'rooms' | 'trace' | 'latestOnly' | 'signed'
>;

function headerLength(header: HeaderParts): number {
  const { version = 1, except, rooms, trace, latestOnly, signed } = header;
  const tag = signed === true ? TAG_LENGTH : 0;
  const lists = listLength(except) + listLength(rooms);
  return FIXED_LENGTHS[version] + lists + traceLength(trace) + latestKeyLength(latestOnly) + tag;
}

type EnvelopeKind = 'event' | 'cluster';

const KINDS: Readonly<Record<EnvelopeKind, number>> = { event: KIND_EVENT, cluster: KIND_CLUSTER };

/** An envelope of this instance. @internal */
export class EncodedEnvelope {
  constructor(
    readonly bytes: Buffer,
    private readonly start: number,
  ) {}

  /** A view of the bytes: complete WebSocket frames. */
  get frames(): Buffer {
    return this.bytes.subarray(this.start);
  }
}

/** Writes header and frames into one allocation. @internal */
export function encodeEnvelope(
  header: EnvelopeHeader,
  parts: readonly EncodedPart[],
  kind: EnvelopeKind = 'event',
  { header: start, payloads, total }: EnvelopeSize = sizeOf(header, parts),
): EncodedEnvelope {
  const bytes = Buffer.allocUnsafe(total);
  const { version = 1, origin } = header;
  const fixed = FIXED_LENGTHS[version];
  bytes[0] = version;
  bytes[1] = KINDS[kind];
  bytes.writeUInt16BE(
    (header.volatile ? FLAG_VOLATILE : 0) |
      (header.compress ? 0 : FLAG_NO_COMPRESS) |
      (header.except.length > 0 ? FLAG_EXCEPT : 0) |
      (header.rooms.length > 0 ? FLAG_ROOMS : 0) |
      (header.customParser ? FLAG_CUSTOM_PARSER : 0) |
      (header.signed === true ? FLAG_SIGNED : 0) |
      (header.trace === undefined ? 0 : FLAG_TRACE) |
      (header.hasOffset === true ? FLAG_OFFSET : 0) |
      (header.latestOnly === undefined ? 0 : FLAG_LATEST_ONLY),
    2,
  );
  bytes.writeUInt32BE(start, 4);
  bytes.writeUIntBE(header.sentAt, 8, 6);
  bytes.writeUIntBE(header.sequence, 14, 6);
  for (let i = 0; i < 8; i++) bytes[ORIGIN + i] = origin[i] ?? 0;
  for (let i = FIXED_LENGTH; i < fixed; i++) bytes[i] = 0;
  const lists = writeList(bytes, writeList(bytes, fixed, header.except), header.rooms);
  writeLatestKey(bytes, writeTrace(bytes, lists, header.trace), header.latestOnly);
  writeFrames(bytes, start, parts, payloads);
  return new EncodedEnvelope(bytes, start);
}

/** Marks an envelope as possibly published before. @internal */
export function markRepeated(bytes: Buffer): void {
  bytes.writeUInt16BE(bytes.readUInt16BE(2) | FLAG_REPEATED, 2);
}

/**
 * Writes the number of a publish on a lane of its origin, where the version of the envelope has a place for it. Before
 * it is signed. If there is another number already, returns a copy: the transport and the history may still use the bytes.
 *
 * @internal
 */
export function stampEnvelope(given: Buffer, lane: number, number: number): Buffer {
  if (given[0] !== 2) return given;
  const before = given.readUIntBE(NUMBER, 6);
  if (before === number && given.readUInt32BE(LANE) === lane) return given;
  const bytes = before === 0 ? given : Buffer.from(given);
  bytes.writeUInt32BE(lane, LANE);
  bytes.writeUIntBE(number, NUMBER, 6);
  return bytes;
}

/** Whether an envelope has that mark. Only for complete headers. @internal */
export function isRepeated(bytes: Buffer): boolean {
  return (bytes.readUInt16BE(2) & FLAG_REPEATED) !== 0;
}

/** The sequence number of an envelope; 0 for other bytes. @internal */
export function sequenceOf(bytes: Buffer): number {
  return bytes.length < FIXED_LENGTH ? 0 : bytes.readUIntBE(14, 6);
}

/** When its origin sent an envelope, in ms since 1970; 0 for other bytes. @internal */
export function sentAtOf(bytes: Buffer): number {
  return bytes.length < FIXED_LENGTH ? 0 : bytes.readUIntBE(8, 6);
}

/** Whether the instance with this id (its 8 raw bytes) sent these bytes. @internal */
export function isFrom(bytes: Buffer, origin: Buffer): boolean {
  return (
    bytes.length >= FIXED_LENGTH &&
    versionOf(bytes) !== undefined &&
    bytes.readUInt32LE(20) === origin.readUInt32LE(0) &&
    bytes.readUInt32LE(24) === origin.readUInt32LE(4)
  );
}

/** Undefined for a version that this library does not read. @internal */
export function versionOf(bytes: Buffer): WireVersion | undefined {
  const version = bytes[0];
  return version === 1 || version === 2 ? version : undefined;
}

/** Reads the header and leaves the frames alone. Never throws. @internal */
export function decodeEnvelope(
  bytes: Buffer,
  kind: EnvelopeKind = 'event',
): Envelope | EnvelopeFault {
  if (bytes.length === 0) return 'message.malformed';
  const version = versionOf(bytes);
  if (version === undefined) return 'message.unknown-version';
  const fixed = FIXED_LENGTHS[version];
  if (bytes.length < fixed) return 'message.malformed';
  if (bytes[1] !== KINDS[kind]) return 'message.unknown-kind';
  const start = bytes.readUInt32BE(4);
  if (start < fixed || start >= bytes.length) return 'message.malformed';
  if (version === 2 && bytes[MUST_UNDERSTAND] !== 0) return 'message.not-understood';
  const flags = bytes.readUInt16BE(2);
  const lists = readLists(bytes, fixed, start, flags);
  const frames = bytes.subarray(start);
  if (lists === undefined || !areFrames(frames)) return 'message.malformed';
  return {
    origin: originOf(bytes),
    sequence: bytes.readUIntBE(14, 6),
    sentAt: bytes.readUIntBE(8, 6),
    lane: version === 1 ? 0 : bytes.readUInt32BE(LANE),
    number: version === 1 ? 0 : bytes.readUIntBE(NUMBER, 6),
    volatile: (flags & FLAG_VOLATILE) !== 0,
    compress: (flags & FLAG_NO_COMPRESS) === 0,
    except: lists.except,
    rooms: lists.rooms,
    customParser: (flags & FLAG_CUSTOM_PARSER) !== 0,
    repeated: (flags & FLAG_REPEATED) !== 0,
    ...((flags & FLAG_OFFSET) !== 0 && { hasOffset: true }),
    trace: (flags & FLAG_TRACE) === 0 ? undefined : readTrace(bytes, lists.end, start),
    latestOnly:
      (flags & FLAG_LATEST_ONLY) === 0 ? undefined : latestKeyIn(bytes, lists.end, start, flags),
    frames,
  };
}

function latestKeyIn(bytes: Buffer, lists: number, start: number, flags: number) {
  const end = (flags & FLAG_SIGNED) === 0 ? start : start - TAG_LENGTH;
  return readLatestKey(
    bytes,
    (flags & FLAG_TRACE) === 0 ? lists : traceEnd(bytes, lists, end),
    end,
  );
}

const NONE: readonly string[] = Object.freeze([]);

/** The origins of recent envelopes: a new string for each envelope would be hashed again by every Map. */
const recent: { readonly high: number; readonly low: number; readonly id: InstanceId }[] = [];
const MAX_RECENT = 64;

function originOf(bytes: Buffer): InstanceId {
  const high = bytes.readUInt32BE(ORIGIN);
  const low = bytes.readUInt32BE(ORIGIN + 4);
  const place = low % MAX_RECENT;
  const known = recent[place];
  if (known?.high === high && known.low === low) return known.id;
  const id = bytes.toString('hex', ORIGIN, ORIGIN + 8);
  recent[place] = { high, low, id };
  return id;
}

function readLists(
  bytes: Buffer,
  fixed: number,
  end: number,
  flags: number,
): { except: readonly string[]; rooms: readonly string[]; end: number } | undefined {
  let offset = fixed;
  const next = (): string[] | undefined => {
    if (offset + 2 > end) return undefined;
    const count = bytes.readUInt16BE(offset);
    offset += 2;
    const list: string[] = [];
    for (let i = 0; i < count; i++) {
      if (offset + 2 > end) return undefined;
      const from = offset + 2;
      offset = from + bytes.readUInt16BE(offset);
      if (offset > end) return undefined;
      list.push(bytes.toString('utf8', from, offset));
    }
    return list;
  };
  const except = (flags & FLAG_EXCEPT) === 0 ? NONE : next();
  const rooms = except !== undefined && (flags & FLAG_ROOMS) !== 0 ? next() : NONE;
  return except === undefined || rooms === undefined ? undefined : { except, rooms, end: offset };
}
