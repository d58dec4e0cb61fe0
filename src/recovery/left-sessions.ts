import { ReplayCache } from '../channels/replay-cache.js';
import { isPassing, reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { InstanceId } from '../wire/envelope.js';
import type { Seal } from '../wire/seal.js';
import {
  aboutIn,
  MAX_CHUNK_BYTES,
  pack,
  packChunk,
  place,
  rangesOf,
  readChunk,
  unpack,
  type About,
  type Chunk,
} from './left-format.js';
import type { MissedEvent } from './session.js';
import type { SessionStore } from './session-store.js';
import { decodeData, encodeData, type MovedSession } from './transfer.js';

/** The memory in Redis that a key and an event take in addition. */
const KEY_BYTES = 200;
const EVENT_BYTES = 100;
const MAX_SESSIONS = 50_000;
/** The records of ended instances stay for five minutes: later nobody can say which events there were. By the clock of Redis. */
const MAX_KEPT_MS = 240_000;
/** So many sessions are read and written at once: their events are looked for in one turn of the event loop. */
const PART_SESSIONS = 100;
/** Chunks are kept for clients that come back at about the same time. */
const CACHED_MS = 10_000;
const MAX_CACHED = 256;
/** How far apart the clocks of two instances may be. */
const MAX_SKEW_MS = 60_000;
/** The factor by which bytes grow as base64, with the text around them. */
const MAX_EXPANSION = 2;

/** A session of an instance that ends. @internal */
export interface LeavingSession {
  readonly pid: string;
  readonly sid: string;
  readonly namespace: string;
  readonly session: MovedSession;
  /** How long its client may still be away, in ms. */
  readonly leftMs: number;
}

/** A session of an instance that has ended. @internal */
export interface LeftSession extends Omit<LeavingSession, 'leftMs'> {
  /** The instance that has ended. */
  readonly from: InstanceId;
  /** Up to where that instance has heard the others, in its own words. */
  readonly heard: unknown;
}

interface LeftSessionsDeps {
  readonly store: SessionStore;
  /** Undefined without the option `secret`. */
  readonly seal: Pick<Seal, 'seal' | 'open'> | undefined;
  readonly reporter: Reporter;
  readonly instanceId: InstanceId;
  /** The name of the app: what another app has left is sealed for another name. */
  readonly name: string;
  readonly maxBytes: number;
  readonly keptMs: number;
}

/**
 * The sessions that instances leave in Redis when they end and no other instance has taken them. Events that several of them
 * missed are stored once. A session is taken once.
 *
 * @internal
 */
export class LeftSessions {
  private readonly cached = new Map<
    string,
    { readonly at: number; bytes: number; readonly value: Promise<unknown> }
  >();
  private readonly taken: ReplayCache;

  constructor(private readonly deps: LeftSessionsDeps) {
    this.taken = new ReplayCache(deps.keptMs + 2 * MAX_SKEW_MS);
  }

  /**
   * Leaves sessions, as many as have room, with their events: part by part, so that those that are stored stay so if the time ends,
   * or Redis refuses the others. Resolves to the number of those that are stored. Never rejects.
   */
  async leave(sessions: Iterable<LeavingSession>, heard: unknown): Promise<number> {
    const { maxBytes, instanceId, reporter } = this.deps;
    const keptMs = Math.min(this.deps.keptMs, MAX_KEPT_MS);
    const places = new Map<MissedEvent, readonly [chunk: number, index: number]>();
    const shared = pack(heard);
    let left = maxBytes - shared.length;
    let chunkCount = 0;
    let count = 0;
    try {
      for (const part of partsOf(sessions)) {
        const chunks: Chunk[] = [];
        const stored: (() => Promise<void>)[] = [];
        for (const { pid, sid, namespace, session, leftMs } of part) {
          const { data, events, ...about } = session;
          let bytes: Buffer;
          try {
            bytes = encodeData(data);
          } catch (error) {
            reporter.report('recovery.failed', () => `the data of a socket: ${reasonOf(error)}`);
            continue;
          }
          const added = new Set(events.filter((event) => !places.has(event)));
          let takes = KEY_BYTES + bytes.length;
          for (const { frames } of added) takes += frames.length + EVENT_BYTES;
          if (takes > left) continue;
          for (const event of added) {
            const [chunk, index] = place(chunks, event);
            places.set(event, [chunkCount + chunk, index]);
          }
          const sessionMs = Math.min(leftMs, keptMs);
          const until = Date.now() + sessionMs;
          const from = instanceId;
          const ranges = rangesOf(events.map((event) => places.get(event)!));
          const value = pack({ ...about, sid, namespace, from, until, events: ranges }, bytes);
          left -= takes - bytes.length + value.length;
          stored.push(() => this.put(pid, value, sessionMs));
        }
        if (stored.length === 0) continue;
        if (count === 0) await this.put(`${instanceId}:heard`, shared, keptMs);
        for (const chunk of chunks) {
          await this.put(`${instanceId}:${chunkCount++}`, packChunk(chunk), keptMs);
        }
        const results = await Promise.allSettled(stored.map((put) => put()));
        count += results.filter(({ status }) => status === 'fulfilled').length;
        const failure = results.find(({ status }) => status === 'rejected');
        if (failure?.status === 'rejected') throw failure.reason;
      }
    } catch (error) {
      this.failed(error, 'sessions of an instance that ends');
    }
    return count;
  }

  /** Takes a session. Undefined: no instance has left it, or it cannot be trusted. Never rejects. */
  async take(pid: string): Promise<LeftSession | undefined> {
    const { reporter, store } = this.deps;
    try {
      const text = await store.take(pid, this.maxLength);
      const opened = text === undefined ? undefined : this.open(pid, text);
      if (opened === undefined) return undefined;
      const [header, bytes] = unpack(opened.bytes);
      const about = aboutIn(header);
      const isOver = Date.now() > about.until + MAX_SKEW_MS;
      if (isOver || (opened.tag !== undefined && !this.taken.add(opened.tag))) {
        reporter.report('message.replayed', () => 'the session of a client that comes back');
        return undefined;
      }
      const { from, sid, namespace, rooms, custom, base, upTo } = about;
      const heard = await this.shared(`${from}:heard`, (shared) => unpack(shared)[0]);
      const events = await this.eventsOf(about);
      const session = { rooms, custom, base, upTo, events, data: decodeData(bytes) };
      return { pid, sid, namespace, from, heard, session };
    } catch (error) {
      this.failed(error, 'a left session');
      return undefined;
    }
  }

  /** Reads one chunk after the other: without the option `secret` anybody could name thousands of large ones. @throws RangeError */
  private async eventsOf({ from, events: ranges }: About): Promise<MissedEvent[]> {
    const most = this.deps.maxBytes / EVENT_BYTES;
    const events: MissedEvent[] = [];
    for (const [chunk, first, count] of ranges) {
      if (events.length + count > most) throw new RangeError('too many events');
      const list = await this.shared(`${from}:${chunk}`, readChunk);
      if (first + count > list.length) throw new RangeError('an event that is not there');
      for (let i = first; i < first + count; i++) events.push(list[i]!);
    }
    return events;
  }

  private failed(error: unknown, what: string): void {
    const { reporter } = this.deps;
    // The state says that Redis is down, and the log has said so, too.
    if (isPassing(error)) reporter.count('recovery.failed');
    else reporter.report('recovery.failed', () => `${what}: ${reasonOf(error)}`);
  }

  sweep(now: number): void {
    for (const [name, { at }] of this.cached) {
      if (at <= now - CACHED_MS) this.cached.delete(name);
    }
  }

  close(): void {
    this.cached.clear();
    this.deps.store.close();
  }

  /** The longest value that instances with the same options leave. */
  private get maxLength(): number {
    return MAX_EXPANSION * (this.deps.maxBytes + MAX_CHUNK_BYTES);
  }

  /** Reads what several sessions share, once for those that are taken at about the same time. */
  private shared<T>(name: string, read: (bytes: Buffer) => T): Promise<T> {
    const { cached } = this;
    const known = cached.get(name);
    if (known !== undefined) {
      // At the end of the map: those that were not read for the longest time make room.
      cached.delete(name);
      cached.set(name, known);
      return known.value as Promise<T>;
    }
    const value = this.deps.store.read(name, this.maxLength).then((text) => {
      const opened = text === undefined ? undefined : this.open(name, text);
      if (opened === undefined) throw new RangeError('a part of it is not there');
      entry.bytes = opened.bytes.length;
      this.makeRoom();
      return read(opened.bytes);
    });
    const entry = { at: performance.now(), bytes: 0, value };
    cached.set(name, entry);
    // The next session may have more luck.
    value.catch(() => {
      if (cached.get(name) === entry) cached.delete(name);
    });
    return value;
  }

  private makeRoom(): void {
    const { cached } = this;
    let bytes = 0;
    for (const entry of cached.values()) bytes += entry.bytes;
    for (const [oldest, entry] of cached) {
      if (cached.size <= MAX_CACHED && bytes <= this.deps.maxBytes) return;
      cached.delete(oldest);
      bytes -= entry.bytes;
    }
  }

  private put(name: string, bytes: Buffer, keptMs: number): Promise<void> {
    const { store, seal } = this.deps;
    const sealed = seal === undefined ? bytes : seal.seal(bytes, this.nameOf(name));
    return store.put(name, sealed.toString('base64'), keptMs);
  }

  private open(name: string, text: string): { bytes: Buffer; tag?: Buffer } | undefined {
    const { seal, reporter } = this.deps;
    const bytes = Buffer.from(text, 'base64');
    if (seal === undefined) return { bytes };
    const opened = seal.open(bytes, this.nameOf(name));
    if (opened !== undefined) return opened;
    reporter.report('message.forged', () => 'the session of a client that comes back');
    return undefined;
  }

  private nameOf(name: string): string {
    return `${this.deps.name}:recovery:${name}`;
  }
}

function* partsOf<T>(items: Iterable<T>): Generator<T[]> {
  let part: T[] = [];
  let count = 0;
  for (const item of items) {
    if (count++ >= MAX_SESSIONS) break;
    part.push(item);
    if (part.length < PART_SESSIONS) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}
