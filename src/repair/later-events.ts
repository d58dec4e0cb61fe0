import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { Membership } from '../cluster/membership.js';
import { lenientNow } from '../reporting/lenient-now.js';
import { pause } from '../reporting/timers.js';
import type { EventPublisher } from '../routing/event-publisher.js';
import type { Arrival } from '../routing/event-receiver.js';
import type { LanePositions } from '../routing/lanes.js';
import { sequenceOf, type InstanceId } from '../wire/envelope.js';
import type { PulledPage } from './catch-up.js';
import type { Instances } from './instances.js';
import type { LeftPages } from './left-pages.js';
import { encodePositions, PageClient, positionsIn } from './pages.js';
import { furthest, isBeyond, type Positions } from './positions.js';

/** The request to write the record once Redis has taken all events that were sent before. @internal */
export const RECORD = 'record';
/** The first pause between two requests for records, which doubles. */
const FIRST_PAUSE_MS = 50;
/** The scopes of the repair's own questions are lower. */
const FIRST_SCOPE = 2 ** 40;
/** So many instances are asked at once. */
const MAX_ASKED = 32;
/** An older event is from an instance that the other one had forgotten, or a clock is wrong. */
const MAX_AGE_BEFORE_MS = 60_000;
/** The records of ended instances stay for five minutes, and clocks may be a minute apart. */
const MAX_SINCE_MS = 240_000;
const MAX_ORIGINS = 16_384;

/** Up to where an instance has heard all others, and has published itself. JSON. @internal */
export interface Heard {
  /** ms since 1970. */
  readonly at: number;
  /** The data of the records: another store knows nothing of the instances of this one. */
  readonly data: string;
  readonly origins: readonly (readonly [
    instanceId: InstanceId,
    isLost: boolean,
    positions: ReturnType<typeof encodePositions>,
  ])[];
}

interface LaterEventsDeps {
  readonly positions: Positions;
  readonly instances: Instances;
  readonly membership: Pick<Membership, 'self' | 'beatNow' | 'recordsData' | 'withoutLanes'>;
  readonly publisher: Pick<EventPublisher, 'heads' | 'after'>;
  readonly requests: Pick<ClusterRequests, 'request'>;
  /** Undefined with another transport than Redis. */
  readonly left: Pick<LeftPages, 'read'> | undefined;
  readonly timeoutMs: number;
}

/**
 * The events that all instances have published since one of them ended, for another instance that continues its work. All of
 * them, or none: each instance is asked, and what an ended one has left in Redis counts as its answer.
 *
 * @internal
 */
export class LaterEvents {
  private scope = FIRST_SCOPE;

  constructor(private readonly deps: LaterEventsDeps) {}

  /**
   * Has all instances write their records, and reads them: those of the last beat do not count the events since. Once all events before
   * now have arrived, {@link heard} counts each event that was sent before this call. Resolves to false if that is not certain.
   *
   * @throws PropagatorError while Redis is away
   */
  async refreshAll(withinMs: number): Promise<boolean> {
    const { instances } = this.deps;
    const end = performance.now() + withinMs;
    await this.refresh();
    const silent = new Set([...instances.all()].map(([id]) => id));
    for (let round = 0; ; round++) {
      // The last record of an instance that has ended counts all of its events.
      for (const id of silent) if (instances.stateOf(id) !== 'alive') silent.delete(id);
      if (silent.size === 0) return true;
      if (round > 0) {
        // An instance that is just ending writes no record but the last one.
        const pauseMs = FIRST_PAUSE_MS * 2 ** (round - 1);
        if (performance.now() + pauseMs >= end) return false;
        await pause(pauseMs);
      }
      const asked = round === 0 || silent.size > MAX_ASKED ? [undefined] : [...silent];
      await Promise.all(asked.map((to) => this.askForRecords(silent, end, to)));
      await this.refresh();
    }
  }

  /**
   * Asks all instances, or one. Resolves once all of these have written their records, or no further reply comes. A request to all also
   * waits for other subscribers that Redis counts: it takes half of the time at most.
   */
  private askForRecords(silent: Set<InstanceId>, end: number, to?: InstanceId): Promise<void> {
    return new Promise((resolve, reject) => {
      const onPart = (id: InstanceId, isWritten: unknown): void => {
        if (isWritten === true) silent.delete(id);
        if (silent.size === 0) resolve();
      };
      const leftMs = end - performance.now();
      const timeoutMs = Math.max(1, to === undefined ? leftMs / 2 : leftMs);
      const request = { operation: RECORD, params: undefined, timeoutMs, onPart };
      this.deps.requests
        .request(to === undefined ? request : { ...request, to })
        .then(() => resolve(), reject);
    });
  }

  private async refresh(): Promise<void> {
    await this.deps.membership.beatNow({ unchanged: true });
  }

  /** Up to where this instance has heard the others. Undefined: that is not certain. */
  heard(): Heard | undefined {
    const { instances, membership, positions, publisher } = this.deps;
    const { recordsData: data, self } = membership;
    if (data === undefined || membership.withoutLanes().length > 0) return undefined;
    const own = publisher.heads().map(({ lane, head }) => [lane, head] as const);
    const others = [...instances.all()].map(([id, state]) => {
      const isLost = state === 'lost';
      // Events that a lost instance published beyond its last record are known to be missing. If it comes back, its record moves on.
      const upTo = isLost ? furthest(positions.of(id), positions.lastsOf(id)) : positions.of(id);
      return [id, isLost, encodePositions(upTo)] as const;
    });
    return { at: lenientNow(), data, origins: [[self.instanceId, false, own], ...others] };
  }

  /**
   * The events on some channels since another instance had heard all up to there, in the order of each origin. The channels
   * have to be subscribed. Undefined: it is not certain which events there are.
   *
   * @throws TypeError for a value of another form, PropagatorError while Redis is away
   */
  async since(given: unknown, channels: ReadonlySet<string>): Promise<Arrival[] | undefined> {
    const { instances, membership, requests, timeoutMs } = this.deps;
    const heard = heardIn(given);
    await this.refresh();
    const isKnown =
      membership.recordsData === heard.data &&
      membership.withoutLanes().length === 0 &&
      lenientNow() - heard.at <= MAX_SINCE_MS &&
      !instances.hasForgotten(MAX_SINCE_MS);
    if (!isKnown) return undefined;
    const pages = new PageClient({ requests, timeoutMs, channels: () => channels });
    const scope = this.scope++;
    const isWanted = (channel: string): boolean => channels.has(channel);
    const events = this.own(fromOf(heard.origins.get(membership.self.instanceId)), isWanted);
    if (events === undefined) return undefined;
    const others = [...instances.all()].map(([id]) => id);
    for (let first = 0; first < others.length; first += MAX_ASKED) {
      const some = others.slice(first, first + MAX_ASKED);
      const found = await Promise.all(
        some.map(async (id) => {
          const known = heard.origins.get(id);
          const all = await this.of(id, known, { pages, scope, isWanted });
          const wanted = all && inOrder(all).filter(({ channel }) => isWanted(channel));
          // Events after the last record of a lost instance may have arrived before it was lost, and before a client came.
          return known?.isLost === true && wanted?.length !== 0 ? undefined : wanted;
        }),
      );
      for (const each of found) {
        if (each === undefined) return undefined;
        for (const arrival of each) events.push(arrival);
      }
    }
    if (events.some(({ sentAt = 0 }) => sentAt < heard.at - MAX_AGE_BEFORE_MS)) return undefined;
    return events.sort((a, b) => (a.sentAt ?? 0) - (b.sentAt ?? 0));
  }

  /** The events of this instance itself, which may have begun before the other one ended. */
  private own(from: LanePositions, isWanted: (channel: string) => boolean): Arrival[] | undefined {
    const now = performance.now();
    const page = this.deps.publisher.after({ from, isWanted, maxBytes: Infinity });
    if (page.evicted.size > 0) return undefined;
    return inOrder(
      page.publishes.map(({ channel, bytes, at }) => ({
        channel,
        bytes,
        sequence: sequenceOf(bytes),
        sentAt: lenientNow() - (now - Math.min(at, now)),
      })),
    );
  }

  private async of(
    id: InstanceId,
    known: HeardOrigin | undefined,
    {
      pages,
      scope,
      isWanted,
    }: {
      readonly pages: PageClient;
      readonly scope: number;
      readonly isWanted: (channel: string) => boolean;
    },
  ): Promise<Arrival[] | undefined> {
    const { instances, positions, left } = this.deps;
    const from = fromOf(known);
    if (instances.stateOf(id) === 'alive') {
      const { signal } = new AbortController();
      try {
        return await allOf((cursor) =>
          pages.ask(id, { from, cursor, isConcerned: isAny, scope }, signal),
        );
      } catch {
        // It may have ended meanwhile.
        await this.refresh();
      }
    }
    switch (instances.stateOf(id)) {
      case 'ended':
        if (hasNothingAfter(from, positions.lastsOf(id))) return [];
        return allOf(async (cursor) => left?.read(id, { from, cursor, isWanted }));
      case 'lost':
        // If it was not lost by then, nobody knows what it published in its last moments.
        return known?.isLost === true && hasNothingAfter(from, positions.lastsOf(id))
          ? []
          : undefined;
      default:
        return undefined;
    }
  }
}

const isAny = (): boolean => true;

/** An instance that was not known, or had published nothing: all of its lanes count, also those that it has left since. */
const FROM_THE_START: LanePositions = new Map([[0, 0]]);

function fromOf(known: HeardOrigin | undefined): LanePositions {
  return known === undefined || known.positions.size === 0 ? FROM_THE_START : known.positions;
}

/** Whether the last record of an instance shows that it has published nothing after some positions. */
function hasNothingAfter(from: LanePositions, lasts: LanePositions): boolean {
  if (isBeyond(lasts, from)) return false;
  // A lane that it has left is listed no more after a while, and the newest one always is.
  const known = Math.max(...from.keys());
  const later = [...lasts.keys()].filter((lane) => lane > known);
  const isListed = [...from.keys()].every((lane) => lane === 0 || lasts.has(lane));
  return isListed && later.length >= Math.max(known, ...later) - known;
}

/**
 * The events of all pages. Undefined if there were more, which the instance no longer has.
 *
 * @throws TypeError for pages without an end
 */
async function allOf(
  pageAt: (cursor: number | undefined) => Promise<PulledPage | undefined>,
): Promise<Arrival[] | undefined> {
  const arrivals: Arrival[] = [];
  let cursor: number | undefined;
  do {
    const page = await pageAt(cursor);
    if (page === undefined || page.forgotten !== undefined) return undefined;
    for (const arrival of page.arrivals) arrivals.push(arrival);
    // Somebody else may have written the page.
    if ((page.cursor ?? Infinity) <= (cursor ?? -1)) throw new TypeError('it goes back');
    ({ cursor } = page);
  } while (cursor !== undefined);
  return arrivals;
}

/** Ages are measured page by page: an event counts as sent no earlier than the one before it. */
function inOrder(arrivals: readonly Arrival[]): Arrival[] {
  let last = 0;
  return arrivals.map((arrival) => {
    last = Math.max(last, arrival.sentAt ?? 0);
    return { ...arrival, sentAt: last };
  });
}

interface HeardOrigin {
  readonly isLost: boolean;
  readonly positions: LanePositions;
}

/** @throws TypeError */
function heardIn(given: unknown): {
  readonly at: number;
  readonly data: string;
  readonly origins: ReadonlyMap<InstanceId, HeardOrigin>;
} {
  const { at, data, origins } = (given ?? {}) as Partial<Heard>;
  const isWhole =
    typeof at === 'number' &&
    typeof data === 'string' &&
    Array.isArray(origins) &&
    origins.length <= MAX_ORIGINS;
  if (!isWhole) throw new TypeError('it does not say what was heard');
  const entries = origins.map((entry: unknown) => {
    const [id, isLost, positions] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof id !== 'string') throw new TypeError('no instance');
    return [id, { isLost: isLost === true, positions: positionsIn(positions) }] as const;
  });
  return { at, data, origins: new Map(entries) };
}
