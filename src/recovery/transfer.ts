import * as standardParser from 'socket.io-parser';
import { codecOf, encodeEvent } from '../routing/packet-codec.js';
import { WirePacket } from '../wire/wire-packet.js';
import { eventsIn, listEvents, type ListedEvent } from './event-list.js';
import type { RecoveryFailure } from './recovery-counts.js';
import type { MissedEvent } from './session.js';

/** The size of a part, in bytes, unless one event or one session is larger. */
const MAX_PART_BYTES = 256 * 1024;
/** The bytes of a message beside its part. */
const MESSAGE_BYTES = 512;
/** The bytes of an event or a session beside its texts, and of a number in a list. */
const ENTRY_BYTES = 128;
const NUMBER_BYTES = 8;

/** A session on its way to another instance. @internal */
export interface MovedSession {
  readonly rooms: readonly string[];
  readonly data: unknown;
  /** Whether an app's own parser made the frames. */
  readonly custom: boolean;
  /** The offset of the client that has none of the events. */
  readonly base: string;
  /** The offset of the last event that the instance sent: the client has all of them up to this one, or gets them. */
  readonly upTo: string;
  readonly events: readonly MissedEvent[];
}

type SentSession = readonly [
  rooms: string[],
  dataBytes: number,
  custom: boolean,
  base: string,
  upTo: string,
];
/** A part of the answer with which sessions move. Events that several sessions missed are in it once. */
interface Part {
  readonly number: number;
  readonly events: readonly ListedEvent[];
  readonly frames: Buffer;
  /** The data of the sockets, one after the other: Socket.IO's parser reads a few attachments only. */
  readonly data: Buffer;
  /** For each session, by its number in the question, events of this part. */
  readonly lists: readonly (readonly [item: number, events: readonly number[]])[];
  readonly results: readonly (readonly [item: number, result: SentSession | string])[];
}

const codec = codecOf(standardParser);

/** The data of a socket as bytes. @throws PropagatorError `event.unserialisable` @internal */
export function encodeData(data: unknown): Buffer {
  return encodeEvent(codec, '/', ['data', data]).frames;
}

/** @throws TypeError @internal */
export function decodeData(bytes: Buffer): unknown {
  const { packet } = new WirePacket({ frames: bytes }, codec.parser);
  if (packet === undefined) throw new TypeError('data of another form');
  return packet.data[1];
}

/** Writes sessions into messages of a limited size. @internal */
export class TransferWriter {
  private number = 0;
  private indexes = new Map<MissedEvent, number>();
  private lists: [number, number[]][] = [];
  private results: [number, SentSession | string][] = [];
  private data: Buffer[] = [];
  private bytes = 0;
  private readonly most: number;

  constructor(
    private readonly push: (part: Part) => unknown,
    maxMessageBytes: number,
  ) {
    this.most = maxMessageBytes - MESSAGE_BYTES;
  }

  failed(item: number, reason: RecoveryFailure): void {
    this.makeRoom(ENTRY_BYTES);
    this.bytes += ENTRY_BYTES;
    this.results.push([item, reason]);
  }

  /**
   * A session that does not fit into messages fails, and the others do not.
   *
   * @throws PropagatorError `event.unserialisable` for the data of a socket
   */
  add(item: number, { events, rooms, data, custom, base, upTo }: MovedSession): void {
    const bytes = encodeData(data);
    const size = ENTRY_BYTES + bytes.length + textBytes([base, upTo, ...rooms]);
    if (size > this.most || events.some((event) => sizeOf(event) > this.most)) {
      this.failed(item, 'too-much');
      return;
    }
    let list: number[] | undefined;
    for (const event of events) {
      const isThere = this.indexes.has(event);
      if (this.makeRoom(isThere ? NUMBER_BYTES : sizeOf(event))) list = undefined;
      if (list === undefined) {
        this.lists.push([item, (list = [])]);
        this.bytes += 2 * NUMBER_BYTES;
      }
      let index = this.indexes.get(event);
      if (index === undefined) {
        index = this.indexes.size;
        this.indexes.set(event, index);
        this.bytes += sizeOf(event);
      } else {
        this.bytes += NUMBER_BYTES;
      }
      list.push(index);
    }
    this.makeRoom(size);
    this.bytes += size;
    this.data.push(bytes);
    this.results.push([item, [[...rooms], bytes.length, custom, base, upTo]]);
  }

  /** Returns true if a new part was begun. */
  private makeRoom(bytes: number): boolean {
    if (this.bytes === 0 || this.bytes + bytes <= Math.min(MAX_PART_BYTES, this.most)) return false;
    this.flush();
    return true;
  }

  flush(): void {
    const { lists, results } = this;
    if (lists.length === 0 && results.length === 0) return;
    const { list, frames } = listEvents([...this.indexes.keys()]);
    this.push({
      number: this.number++,
      events: list,
      frames,
      data: Buffer.concat(this.data),
      lists,
      results,
    });
    this.indexes = new Map();
    this.lists = [];
    this.results = [];
    this.data = [];
    this.bytes = 0;
  }
}

function sizeOf({ frames, key, offset }: MissedEvent): number {
  return ENTRY_BYTES + frames.length + textBytes([key, offset]);
}

/** The most bytes of texts in JSON: that of a control character has six. */
function textBytes(texts: readonly string[]): number {
  let length = 0;
  for (const text of texts) length += 6 * text.length + 3;
  return length;
}

/**
 * The sessions in the parts of an answer, by their numbers in the question.
 *
 * @throws TypeError or RangeError for parts of another form
 * @internal
 */
export function readTransfer(parts: readonly unknown[]): Map<number, MovedSession | string> {
  const lists = new Map<number, MissedEvent[]>();
  const sessions = new Map<number, MovedSession | string>();
  const sorted = (parts as Part[]).toSorted((a, b) => a.number - b.number);
  for (const [i, part] of sorted.entries()) {
    // Its instance has ended before a part was sent again, and a later one has arrived.
    if (part.number !== i) throw new RangeError('a part is not there');
    const events = eventsIn(part.events, part.frames);
    for (const [item, indexes] of part.lists) {
      const list = lists.get(item) ?? [];
      lists.set(item, list);
      for (const index of indexes) list.push(events[index]!);
    }
    let dataEnd = 0;
    for (const [item, result] of part.results) {
      if (typeof result === 'string') {
        sessions.set(item, result);
        continue;
      }
      const [rooms, dataBytes, ...rest] = result;
      const data = part.data.subarray(dataEnd, (dataEnd += dataBytes));
      sessions.set(item, read(rooms, data, rest, lists.get(item) ?? []));
    }
  }
  return sessions;
}

function read(
  rooms: readonly unknown[],
  bytes: Buffer,
  [custom, base, upTo]: readonly [custom: boolean, base: string, upTo: string],
  events: MissedEvent[],
): MovedSession {
  const isWhole = !events.includes(undefined as never);
  if (!isWhole || typeof base !== 'string' || typeof upTo !== 'string') {
    throw new TypeError('a session of another form');
  }
  const data = decodeData(bytes);
  return { rooms: rooms.map(String), data, custom, base, upTo, events };
}
