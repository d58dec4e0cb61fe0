import type { ClusterRequests, RequestHandler } from '../cluster/cluster-requests.js';
import { isBytes } from '../kinds.js';
import { lenientNow } from '../reporting/lenient-now.js';
import type { LanePositions } from '../routing/lanes.js';
import type { Forgotten, HistoryPage, HistoryQuestion } from '../routing/publish-history.js';
import { MAX_LANES } from '../wire/cluster-message.js';
import { isFrom, sequenceOf, type InstanceId } from '../wire/envelope.js';
import { packPage, PAGE_ENTRY_BYTES, unpackPage } from '../wire/page-pack.js';
import type { PulledPage, PullQuestion } from './catch-up.js';
import { ChannelFilter, type EncodedChannels } from './channel-filter.js';

/** The request for a page of published events. @internal */
export const PULL = 'pull';

/** The size of a page, in bytes. @internal */
export const PAGE_BYTES = 256 * 1024;
/** The size of a reply in addition to the page. */
const REPLY_BYTES = 4_096;
/** Of so many instances the channels that they want are remembered, as long as these take no more than so many bytes. */
const MAX_SCOPES = 256;
const MAX_SCOPE_BYTES = 8 * 1024 * 1024;

type EncodedPositions = readonly (readonly [lane: number, number: number])[];

/** The parameters of a question. @internal */
export type PullParams = Partial<EncodedChannels> & {
  readonly from: EncodedPositions;
  readonly cursor?: number;
  /** Names the channels, for the questions that follow: they are sent once. */
  readonly scope: number;
};

/** @internal */
export function encodePositions(positions: LanePositions): EncodedPositions {
  return [...positions];
}

/** @throws TypeError @internal */
export function positionsIn(value: unknown): Map<number, number> {
  if (!Array.isArray(value) || value.length > MAX_LANES) throw new TypeError('no positions');
  const positions = new Map<number, number>();
  for (const entry of value as unknown[]) {
    const [lane, number] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (!isCount(lane) || !isCount(number)) throw new TypeError('no position');
    positions.set(lane, number);
  }
  return positions;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

interface PageServerDeps {
  readonly maxMessageBytes: number;
  after(this: void, question: HistoryQuestion): HistoryPage;
  forgotten(this: void): Forgotten;
}

/** Answers the questions of other instances, one page each. @internal */
export function pageServer({
  maxMessageBytes,
  after,
  forgotten: forgottenEvents,
}: PageServerDeps): RequestHandler {
  const scopes = new Map<
    InstanceId,
    { readonly scope: unknown; readonly channels: ChannelFilter }
  >();
  let scopeBytes = 0;
  const maxBytes = Math.min(PAGE_BYTES, maxMessageBytes - REPLY_BYTES);

  /** The channels of a question, or of an earlier one with the same scope. @throws TypeError */
  function channelsOf(
    origin: InstanceId,
    params: Record<string, unknown>,
  ): ChannelFilter | undefined {
    const { scope, channels, filter } = params;
    const known = scopes.get(origin);
    if (channels === undefined && filter === undefined) {
      return known?.scope === scope ? known?.channels : undefined;
    }
    if (!isCount(scope)) throw new TypeError('no scope');
    const given = ChannelFilter.decode({ channels, filter });
    forget(origin);
    scopes.set(origin, { scope, channels: given });
    scopeBytes += given.byteLength;
    for (const oldest of scopes.keys()) {
      if (scopes.size <= MAX_SCOPES && scopeBytes <= MAX_SCOPE_BYTES) break;
      forget(oldest);
    }
    return given;
  }

  function forget(origin: InstanceId): void {
    scopeBytes -= scopes.get(origin)?.channels.byteLength ?? 0;
    scopes.delete(origin);
  }

  return (given, { origin }) => {
    const params = (given ?? {}) as Record<string, unknown>;
    const { cursor } = params;
    const from = positionsIn(params['from']);
    if (cursor !== undefined && !isCount(cursor)) throw new TypeError('no cursor');
    const channels = channelsOf(origin, params);
    if (channels === undefined) return { unknownScope: true };
    const page = after({ from, cursor, isWanted: (channel) => channels.has(channel), maxBytes });
    const now = performance.now();
    let unsendable = 0;
    const entries = page.publishes.flatMap(({ at, ...entry }) => {
      const takes = PAGE_ENTRY_BYTES + Buffer.byteLength(entry.channel) + entry.bytes.length;
      if (takes <= maxMessageBytes - REPLY_BYTES)
        return [{ ...entry, ageMs: now - Math.min(at, now) }];
      // As an event it fitted into a message, with the name of its channel it does not.
      unsendable = Math.max(unsendable, sequenceOf(entry.bytes));
      return [];
    });
    const evicted = page.evicted.size > 0 ? forgottenEvents() : { sequence: 0, at: now };
    const forgotten = Math.max(unsendable, evicted.sequence);
    const forgottenAgeMs = unsendable > 0 ? 0 : Math.max(0, Math.round(now - evicted.at));
    return {
      pack: packPage(entries),
      upTo: encodePositions(page.upTo),
      ...(page.cursor !== undefined && { cursor: page.cursor }),
      ...(forgotten > 0 && { forgotten, forgottenAgeMs }),
    };
  };
}

/**
 * Reads the reply of an instance. No instance supplies events that others have published. Undefined: it does not know
 * the scope, and has to get the channels once more.
 *
 * @throws TypeError
 * @internal
 */
export function pageIn(origin: InstanceId, reply: unknown): PulledPage | undefined {
  const { pack, upTo, cursor, forgotten, forgottenAgeMs, unknownScope } = (reply ?? {}) as Record<
    string,
    unknown
  >;
  if (unknownScope === true) return undefined;
  const entries = isBytes(pack)
    ? unpackPage(Buffer.from(pack.buffer, pack.byteOffset, pack.byteLength))
    : undefined;
  const id = Buffer.from(origin, 'hex');
  if (entries === undefined || !entries.every(({ bytes }) => isFrom(bytes, id))) {
    throw new TypeError('it is no page');
  }
  if (cursor !== undefined && !isCount(cursor)) throw new TypeError('its cursor is no number');
  if (forgotten !== undefined && !isCount(forgotten))
    throw new TypeError('"forgotten" is no number');
  const now = lenientNow();
  return {
    arrivals: entries.map(({ channel, lane, number, bytes, ageMs }) => ({
      channel,
      lane,
      number,
      bytes,
      sequence: sequenceOf(bytes),
      sentAt: now - ageMs,
    })),
    upTo: positionsIn(upTo),
    cursor,
    forgotten,
    forgottenAgeMs: isCount(forgottenAgeMs) ? forgottenAgeMs : 0,
  };
}

interface PageClientDeps {
  readonly requests: Pick<ClusterRequests, 'request'>;
  readonly timeoutMs: number;
  /** The channels that this instance wants. */
  channels(this: void): Iterable<string>;
}

/** Asks other instances for their pages. The channels are sent once to each of them. @internal */
export class PageClient {
  private scope = 0;
  private encoded: EncodedChannels | undefined;
  private readonly sentTo = new Set<InstanceId>();

  constructor(private readonly deps: PageClientDeps) {}

  /** Rejects if the instance does not answer. */
  async ask(origin: InstanceId, question: PullQuestion, signal: AbortSignal): Promise<PulledPage> {
    const { isConcerned, scope } = question;
    if (scope !== this.scope) {
      this.scope = scope;
      this.encoded = undefined;
      this.sentTo.clear();
    }
    this.encoded ??= ChannelFilter.of(this.deps.channels(), isConcerned).encode();
    const wasSent = this.sentTo.has(origin);
    let page = await this.request(origin, question, wasSent ? {} : this.encoded, signal);
    // Another question of this instance came in between, and the other one remembers only the last channels.
    if (page === undefined && wasSent && scope === this.scope) {
      this.sentTo.delete(origin);
      page = await this.request(origin, question, this.encoded, signal);
    }
    if (page === undefined) throw new Error('no page');
    if (scope === this.scope) this.sentTo.add(origin);
    return page;
  }

  /** Undefined: the instance does not know the channels. Rejects if it does not answer. */
  private async request(
    origin: InstanceId,
    { from, cursor, scope }: PullQuestion,
    channels: Partial<EncodedChannels>,
    signal: AbortSignal,
  ): Promise<PulledPage | undefined> {
    const params: PullParams = {
      from: encodePositions(from),
      scope,
      ...(cursor !== undefined && { cursor }),
      ...channels,
    };
    let page: PulledPage | undefined;
    const { requests, timeoutMs } = this.deps;
    const { complete } = await requests.request({
      operation: PULL,
      params,
      timeoutMs,
      to: origin,
      onPart: (_, part) => {
        page = pageIn(origin, part);
      },
    });
    if (complete && !signal.aborted) return page;
    if (scope === this.scope) this.sentTo.delete(origin);
    throw new Error('no page');
  }
}
