import { Superseded, type RequestHandler } from '../cluster/cluster-requests.js';
import { isBytes } from '../kinds.js';
import type { Arrival } from '../routing/event-receiver.js';
import type { RecentSelection } from '../routing/publish-history.js';
import {
  packEnvelopes,
  packedLength,
  unpackEnvelopes,
  type PackedEnvelope,
} from '../wire/envelope-pack.js';
import { isFrom, sequenceOf, type InstanceId } from '../wire/envelope.js';
import { fnv1a } from '../wire/fnv.js';
import { every } from '../reporting/timers.js';

/** The request for recently published events. @internal */
export const REPAIR = 'repair';

/** The size of one message, in bytes. */
const PACK_BYTES = 256 * 1024;
/** The size of a message in addition to the pack. */
const MESSAGE_BYTES = 1_024;
/** Up to this many hashes are listed. For more, each sets a bit in this many bytes. */
const MAX_LISTED = 16_384;
const FILTER_BYTES = 128 * 1024;

/** The interval at which a waiting instance is told to keep waiting. */
const KEEPALIVES_PER_TIMEOUT = 4;
const MIN_KEEPALIVE_MS = 50;

/** A received part of a reply. @internal */
export interface Repaired {
  readonly envelopes: readonly { readonly ageMs: number; readonly arrival: Arrival }[];
  /** The number of the last event from that time that the instance no longer has. */
  readonly forgotten: number | undefined;
}

/**
 * The channels of a repair request, as hashes, because there may be very many. The reply may include events of
 * other channels, which the caller drops.
 *
 * @internal
 */
export type WantedChannels = { readonly channels: Buffer } | { readonly filter: Buffer };

/** @internal */
export function wantedChannels(
  channels: Iterable<string>,
  isWanted: (channel: string) => boolean,
): WantedChannels {
  const hashes: number[] = [];
  for (const channel of channels) if (isWanted(channel)) hashes.push(fnv1a(channel));
  if (hashes.length > MAX_LISTED) {
    const filter = Buffer.alloc(FILTER_BYTES);
    for (const hash of hashes) setBit(filter, hash);
    return { filter };
  }
  const list = Buffer.allocUnsafe(4 * hashes.length);
  for (const [i, hash] of hashes.entries()) list.writeUInt32BE(hash, 4 * i);
  return { channels: list };
}

interface Answerer {
  readonly instanceId: InstanceId;
  readonly maxMessageBytes: number;
  since(ageMs: number, isWanted: (channel: string) => boolean): RecentSelection;
}

/**
 * Answers repair requests of other instances, one at a time, because a reply may contain the whole history. Waiting
 * instances are told to keep waiting by empty parts.
 *
 * @internal
 */
export function repairServer(answerer: Answerer): RequestHandler {
  const { instanceId, maxMessageBytes } = answerer;
  const mostBytes = maxMessageBytes - MESSAGE_BYTES;
  const packBytes = Math.min(PACK_BYTES, mostBytes);
  const turns = new ReplyQueue();

  async function answer(
    { ageMs, isWanted }: Pick<Question, 'ageMs' | 'isWanted'>,
    turn: ReplyTurn,
    push: (part: unknown) => Promise<boolean>,
  ): Promise<unknown> {
    const now = performance.now();
    const selection = answerer.since(ageMs, isWanted);
    let { lastEvicted: forgotten } = selection;
    let pack: PackedEnvelope[] = [];
    let length = 0;
    for (const { channel, bytes, sequence, at } of selection.publishes) {
      const packed = { channel, bytes, ageMs: now - Math.min(at, now) };
      const takes = packedLength(packed);
      if (takes > mostBytes) {
        // As an event it fitted into a message, with the name of its channel it does not.
        forgotten = Math.max(forgotten ?? 0, sequence);
        continue;
      }
      if (length > 0 && length + takes > packBytes) {
        // One at a time, because Redis has to keep what is not read yet.
        if (!(await push({ pack: packEnvelopes(pack) }))) throw new Error('a part was not sent');
        if (turn.isSuperseded) throw new Superseded();
        pack = [];
        length = 0;
      }
      pack.push(packed);
      length += takes;
    }
    return { pack: packEnvelopes(pack), ...(forgotten !== undefined && { forgotten }) };
  }

  return async (params, { origin, timeoutMs, push }) => {
    const { ageMs, isWanted, except } = checked(params);
    if (except.includes(instanceId)) return { pack: packEnvelopes([]) };
    const askedAt = performance.now();
    const waits = every(
      Math.max(timeoutMs / KEEPALIVES_PER_TIMEOUT, MIN_KEEPALIVE_MS),
      // Without this sign of life the waiting instance would give up.
      () => undefined,
      () => push({ pack: packEnvelopes([]) }),
    );
    let turn: ReplyTurn;
    try {
      turn = await turns.begin(origin);
    } finally {
      clearInterval(waits);
    }
    try {
      const waitedMs = performance.now() - askedAt;
      return await answer({ ageMs: ageMs + waitedMs, isWanted }, turn, push);
    } finally {
      turns.end();
    }
  };
}

/**
 * Reads a part of the reply of an instance. No instance supplies events that others have published.
 *
 * @throws TypeError
 * @internal
 */
export function repairedBy(origin: InstanceId, part: unknown): Repaired {
  const repaired = repairedIn(part);
  const bytes = Buffer.from(origin, 'hex');
  if (repaired?.envelopes.every(({ arrival }) => isFrom(arrival.bytes, bytes))) return repaired;
  throw new TypeError('it is no part of a repair');
}

/** Undefined if it is not a part of a reply. Never throws. @internal */
export function repairedIn(part: unknown): Repaired | undefined {
  const { pack, forgotten } = (part ?? {}) as { pack?: unknown; forgotten?: unknown };
  if (!isBytes(pack)) return undefined;
  const unpacked = unpackEnvelopes(Buffer.from(pack.buffer, pack.byteOffset, pack.byteLength));
  const envelopes = unpacked?.map(({ channel, ageMs, bytes }) => ({
    ageMs,
    arrival: { channel, bytes, sequence: sequenceOf(bytes) },
  }));
  return (
    envelopes && { envelopes, forgotten: typeof forgotten === 'number' ? forgotten : undefined }
  );
}

interface Question {
  readonly ageMs: number;
  readonly isWanted: (channel: string) => boolean;
  readonly except: readonly unknown[];
}

/** @throws TypeError */
function checked(params: unknown): Question {
  const { ageMs, channels, filter, except } = (params ?? {}) as Record<string, unknown>;
  if (typeof ageMs !== 'number' || (except !== undefined && !Array.isArray(except))) {
    throw new TypeError('a repair needs "ageMs", and "except" is a list');
  }
  const rest = { ageMs, except: (except ?? []) as readonly unknown[] };
  if (isBytes(filter) && filter.length > 0) {
    return { ...rest, isWanted: (channel) => hasBit(filter, fnv1a(channel)) };
  }
  if (!isBytes(channels)) throw new TypeError('a repair needs "channels"');
  const hashes = hashesIn(channels);
  return { ...rest, isWanted: (channel) => hashes.has(fnv1a(channel)) };
}

function hashesIn(bytes: Uint8Array): Set<number> {
  const hashes = new Set<number>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset + 4 <= bytes.byteLength; offset += 4) {
    hashes.add(view.getUint32(offset));
  }
  return hashes;
}

function setBit(filter: Uint8Array, hash: number): void {
  const bit = hash % (filter.length * 8);
  filter[bit >> 3] = (filter[bit >> 3] ?? 0) | (1 << (bit & 7));
}

function hasBit(filter: Uint8Array, hash: number): boolean {
  const bit = hash % (filter.length * 8);
  return ((filter[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
}

/** The request in progress. */
interface ReplyTurn {
  /** Whether its caller has sent a newer request. */
  readonly isSuperseded: boolean;
}

interface Waiting {
  readonly begin: (turn: ReplyTurn) => void;
  readonly fail: (error: Superseded) => void;
}

/**
 * Queues repair requests, because replies are large: one is answered at a time, and of each caller only the newest,
 * in the place of its previous one.
 */
class ReplyQueue {
  private readonly waiting = new Map<InstanceId, Waiting>();
  private current: { readonly asker: InstanceId; isSuperseded: boolean } | undefined;

  /**
   * Resolves when it is the request's turn, which {@link end} ends.
   *
   * @throws Superseded
   */
  begin(asker: InstanceId): Promise<ReplyTurn> {
    this.waiting.get(asker)?.fail(new Superseded());
    if (this.current?.asker === asker) this.current.isSuperseded = true;
    return new Promise((begin, fail) => {
      this.waiting.set(asker, { begin, fail });
      this.next();
    });
  }

  end(): void {
    this.current = undefined;
    this.next();
  }

  private next(): void {
    if (this.current !== undefined) return;
    for (const [asker, { begin }] of this.waiting) {
      this.waiting.delete(asker);
      this.current = { asker, isSuperseded: false };
      begin(this.current);
      return;
    }
  }
}
