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
import { every } from '../reporting/timers.js';
import { ChannelFilter } from './channel-filter.js';

/** The request for recently published events. @internal */
export const REPAIR = 'repair';

/** The size of one message, in bytes. */
const PACK_BYTES = 256 * 1024;
/** The size of a message in addition to the pack. */
const MESSAGE_BYTES = 1_024;

/** The interval at which a waiting instance is told to keep waiting. */
const KEEPALIVES_PER_TIMEOUT = 4;
const MIN_KEEPALIVE_MS = 50;

/** A received part of a reply. @internal */
export interface Repaired {
  readonly envelopes: readonly { readonly ageMs: number; readonly arrival: Arrival }[];
  /** The number of the last event from that time that the instance no longer has. */
  readonly forgotten: number | undefined;
}

interface RepairSource {
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
export function repairServer(source: RepairSource): RequestHandler {
  const { instanceId, maxMessageBytes } = source;
  const mostBytes = maxMessageBytes - MESSAGE_BYTES;
  const packBytes = Math.min(PACK_BYTES, mostBytes);
  const turns = new ReplyQueue();

  async function answer(
    { ageMs, wanted }: Pick<RepairRequest, 'ageMs' | 'wanted'>,
    turn: ReplyTurn,
    push: (part: unknown) => Promise<boolean>,
  ): Promise<unknown> {
    const now = performance.now();
    const selection = source.since(ageMs, (channel) => wanted.has(channel));
    let { lastEvicted: forgotten } = selection;
    let pack: PackedEnvelope[] = [];
    let length = 0;
    for (const { channel, bytes, sequence, at } of selection.publishes) {
      const packed = { channel, bytes, ageMs: now - Math.min(at, now) };
      const takes = packedLength(packed);
      if (takes > mostBytes) {
        // The event fitted into a message, but with the name of its channel it does not.
        forgotten = Math.max(forgotten ?? 0, sequence);
        continue;
      }
      if (length > 0 && length + takes > packBytes) {
        // One at a time, because Redis has to buffer unread parts.
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
    const { ageMs, wanted, except } = checked(params);
    if (except.includes(instanceId)) return { pack: packEnvelopes([]) };
    const askedAt = performance.now();
    const waits = every(
      Math.max(timeoutMs / KEEPALIVES_PER_TIMEOUT, MIN_KEEPALIVE_MS),
      // Without these parts the waiting instance would give up.
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
      return await answer({ ageMs: ageMs + waitedMs, wanted }, turn, push);
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

interface RepairRequest {
  readonly ageMs: number;
  readonly wanted: ChannelFilter;
  readonly except: readonly unknown[];
}

/** @throws TypeError */
function checked(params: unknown): RepairRequest {
  const { ageMs, except = [], ...wanted } = (params ?? {}) as Record<string, unknown>;
  if (typeof ageMs !== 'number' || !Array.isArray(except)) {
    throw new TypeError('a repair needs "ageMs", and "except" is a list');
  }
  return { ageMs, except, wanted: ChannelFilter.decode(wanted) };
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
