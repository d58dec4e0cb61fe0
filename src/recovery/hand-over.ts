import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterService } from '../cluster/cluster.service.js';
import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import { pause } from '../reporting/timers.js';
import type { InstanceId } from '../wire/envelope.js';
import { Batches, itemsPer } from './batches.js';
import type { RecoveryFailure } from './recovery-counts.js';
import { readTransfer, TransferWriter, type MovedSession } from './transfer.js';

const FIND = 'recovery:find';
const TAKE = 'recovery:take';
const ADOPT = 'recovery:adopt';
/** How long after an answer a session on its way is looked for again. */
const ON_ITS_WAY_MS = 50;
/** How long after a refusal or a failure a session is looked for again: its instance may have too much to do. */
const REFUSED_MS = 500;
/** A busy process waits for a reply for up to so many time limits. @internal */
export const STRETCH = 2;
/** Waiting for a session on its way takes at most so many time limits: two proofs and a request come before it. @internal */
export const MAX_MOVING_LIMITS = 2 + STRETCH;
/** How long to ask again for an instance without a subscription: it was killed, or its connection to Redis is coming back. */
const MAX_UNHEARD_MS = 1_000;
/** All other instances. */
const ALL = '';
/** A client may name a session that nobody has: all instances are asked together for many. */
const COLLECT_MS = 50;

/** @internal */
export interface Found {
  readonly holder: InstanceId;
  readonly sid: string;
  readonly rooms: readonly string[];
}

/** @internal */
export interface TakeQuestion {
  readonly namespace: string;
  readonly pid: string;
  /** The offset of the last event that the client received; undefined while there is no client. */
  readonly offset: string | undefined;
  /** The rooms of the client's user and session. */
  readonly current: readonly string[] | undefined;
}

/** @internal */
export interface Named {
  readonly namespace: string;
  readonly pid: string;
}

/** A session that is on its way to a client or another instance. @internal */
export const MOVING = 'moving';
/** The instance of a session has no subscription. */
const UNHEARD = 'unheard';

/** @internal */
export interface HeldSession {
  readonly sid: string;
  readonly rooms: readonly string[];
}

type FindAnswer = Found | typeof MOVING | typeof UNHEARD | RecoveryFailure;

/** The sessions of this instance, as other instances may ask for them. @internal */
export interface Holder {
  find(namespace: string, pid: string): HeldSession | typeof MOVING | undefined;
  /** Ends the sockets of sessions, and resolves once all events before now have arrived. */
  release(questions: readonly TakeQuestion[]): Promise<(MovedSession | RecoveryFailure)[]>;
  /** Takes sessions of an instance that is about to end. Resolves to those that it has. */
  adopt(from: InstanceId, sessions: readonly Named[]): Promise<Named[]>;
}

interface HandOverDeps {
  readonly instanceId: InstanceId;
  readonly holder: Holder;
  readonly requests: Pick<ClusterRequests, 'request' | 'handle' | 'answered'>;
  readonly cluster: Pick<ClusterService, 'otherMembers'>;
  readonly reporter: Reporter;
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
}

/**
 * The requests by which a session moves from one instance to another. An instance gives a session away once: if its answer is
 * lost, the client gets a new connection.
 *
 * @internal
 */
export class HandOver {
  private readonly finds: Batches<Named, FindAnswer>;
  private readonly searches: Batches<Named, FindAnswer>;
  private readonly takes: Batches<TakeQuestion, MovedSession | RecoveryFailure>;
  private readonly gifts: Batches<Named, undefined>;
  private closed = false;

  constructor(private readonly deps: HandOverDeps) {
    const failed = deps.reporter.failure('recovery.failed', () => 'a hand-over');
    const ask: typeof this.askForSessions = (to, items) => this.askForSessions(to, items);
    const max = itemsPer(deps.maxMessageBytes);
    this.finds = new Batches(ask, 'old-instance-silent', failed, max);
    this.searches = new Batches(ask, 'old-instance-silent', failed, max, COLLECT_MS);
    this.takes = new Batches((to, items) => this.takeAll(to, items), 'not-proven', failed, max);
    this.gifts = new Batches((to, items) => this.give(to, items), undefined, failed, max);
    this.answer();
  }

  private answer(): void {
    const { holder, requests, reporter, maxMessageBytes } = this.deps;
    requests.handle(
      FIND,
      (params) =>
        namedIn(params).flatMap(({ namespace, pid }, index) => {
          const found = holder.find(namespace, pid);
          if (found === MOVING) return [[index]];
          return found === undefined ? [] : [[index, found.sid, found.rooms]];
        }),
      true,
    );
    requests.handle(
      TAKE,
      async (params, { push }) => {
        const questions = questionsIn(params);
        const writer = new TransferWriter((part) => push(part), maxMessageBytes);
        const answers = await holder.release(questions);
        for (const [item, answer] of answers.entries()) {
          if (typeof answer === 'string') {
            writer.failed(item, answer);
            continue;
          }
          try {
            writer.add(item, answer);
          } catch (error) {
            reporter.report('recovery.failed', () => `the data of a socket: ${reasonOf(error)}`);
            writer.failed(item, 'not-proven');
          }
        }
        writer.flush();
      },
      true,
    );
    requests.handle(ADOPT, (params, { origin }) => holder.adopt(origin, namedIn(params)), true);
  }

  /**
   * Finds the instance with a session: this one, the one that gave the session its id, or any other. Waits for a session that
   * is on its way, and asks again when an instance has left meanwhile. A session that nobody has is looked for twice: the
   * instances reply one after the other, and it may move from one to another, or to this one, in between.
   */
  async find(
    namespace: string,
    pid: string,
    home: InstanceId,
  ): Promise<HeldSession | Found | RecoveryFailure> {
    const { holder, timeoutMs } = this.deps;
    const startedAt = performance.now();
    let unheardSince: number | undefined;
    let isSecond = false;
    for (;;) {
      const askedAt = performance.now();
      const found = holder.find(namespace, pid) ?? (await this.findElsewhere(namespace, pid, home));
      const isInTime = performance.now() < startedAt + MAX_MOVING_LIMITS * timeoutMs;
      if (found === 'unknown-session' && !isSecond && isInTime && !this.closed) {
        isSecond = true;
        continue;
      }
      if (found !== MOVING && found !== UNHEARD && found !== 'old-instance-silent') return found;
      if (this.closed) return 'old-instance-silent';
      const now = performance.now();
      unheardSince = found === UNHEARD ? (unheardSince ?? now) : undefined;
      const end = startedAt + (found === MOVING ? MAX_MOVING_LIMITS : 1) * timeoutMs;
      // On a busy machine an answer may be old. Without one the time limit is over.
      const askedUntil = found === 'old-instance-silent' ? now : askedAt;
      if (askedUntil >= Math.min(end, (unheardSince ?? end) + MAX_UNHEARD_MS))
        return 'old-instance-silent';
      await pause(found === 'old-instance-silent' ? REFUSED_MS : ON_ITS_WAY_MS);
    }
  }

  /** This instance ends: searches do not ask again. */
  close(): void {
    this.closed = true;
  }

  private async findElsewhere(
    namespace: string,
    pid: string,
    home: InstanceId,
  ): Promise<FindAnswer> {
    const members = this.deps.cluster.otherMembers();
    if (members.length === 0) return 'unknown-session';
    const isMember = members.some(({ instanceId }) => instanceId === home);
    const found = isMember ? await this.finds.add(home, { namespace, pid }) : 'unknown-session';
    const isElsewhere = found === 'unknown-session' || found === UNHEARD;
    if (!isElsewhere || (isMember && members.length === 1)) return found;
    const elsewhere = await this.searches.add(ALL, { namespace, pid });
    // An instance without a subscription has ended and given its sessions away, or it comes back.
    return found === UNHEARD && elsewhere === 'old-instance-silent' ? UNHEARD : elsewhere;
  }

  /** Takes a session from its instance, with the events that its client missed. */
  take(from: InstanceId, question: TakeQuestion): Promise<MovedSession | RecoveryFailure> {
    return this.takes.add(from, question);
  }

  /** Asks another instance to take sessions. */
  async giveTo(to: InstanceId, sessions: readonly Named[]): Promise<void> {
    await Promise.all(sessions.map((session) => this.gifts.add(to, session)));
  }

  /** Resolves once the sessions that other instances are taking now have been sent to them. */
  taken(): Promise<void> {
    return this.deps.requests.answered(TAKE);
  }

  private async give(to: InstanceId, items: readonly Named[]): Promise<undefined[]> {
    const { requests, timeoutMs } = this.deps;
    await requests.request({
      operation: ADOPT,
      params: { items },
      timeoutMs,
      to,
      remoteWaits: true,
      onPart: () => undefined,
    });
    return items.map(() => undefined);
  }

  private async askForSessions(to: string, items: readonly Named[]): Promise<FindAnswer[]> {
    const found = new Map<number, Found | typeof MOVING>();
    const { requests, timeoutMs } = this.deps;
    const { complete, isUnheard } = await requests.request({
      operation: FIND,
      params: { items },
      timeoutMs,
      stretch: STRETCH,
      skipsUnknown: true,
      ...(to !== ALL && { to }),
      onPart: (holder, part) => {
        for (const [index, sid, rooms] of part as [number, unknown, unknown[]][]) {
          if (typeof sid === 'string') found.set(index, { holder, sid, rooms: rooms.map(String) });
          else if (!found.has(index)) found.set(index, MOVING);
        }
      },
    });
    const silent = isUnheard === true ? UNHEARD : 'old-instance-silent';
    const missing = complete ? 'unknown-session' : silent;
    return items.map((_, i) => found.get(i) ?? missing);
  }

  private async takeAll(
    from: string,
    items: readonly TakeQuestion[],
  ): Promise<(MovedSession | RecoveryFailure)[]> {
    const { holder, requests, reporter, timeoutMs, instanceId } = this.deps;
    if (from === instanceId) return holder.release(items);
    const parts: unknown[] = [];
    const { complete, isUnheard } = await requests.request({
      operation: TAKE,
      params: { items },
      timeoutMs,
      to: from,
      remoteWaits: true,
      stretch: STRETCH,
      partsExtendDeadline: true,
      onPart: (_, part) => parts.push(part),
    });
    // The instance had ended before, and another one may have the sessions.
    if (isUnheard === true || (complete && parts.length === 0))
      return items.map(() => 'unknown-session');
    if (!complete) return items.map(() => 'old-instance-silent');
    try {
      const sessions = readTransfer(parts);
      return items.map((_, i) => {
        const session = sessions.get(i) ?? 'not-proven';
        return typeof session === 'string' ? failureIn(session) : session;
      });
    } catch (error) {
      reporter.report('message.malformed', () => `a session: ${reasonOf(error)}`);
      return items.map(() => 'not-proven');
    }
  }
}

const FAILURES: readonly RecoveryFailure[] = [
  'unknown-session',
  'too-old',
  'too-much',
  'not-proven',
  'other-user',
  'old-instance-silent',
];

/** Another version of this library may know other reasons. */
function failureIn(reason: string): RecoveryFailure {
  return FAILURES.find((known) => known === reason) ?? 'not-proven';
}

/** @throws TypeError */
function namedIn(params: unknown): Named[] {
  const { items } = (params ?? {}) as { items?: unknown };
  const isNamed = (item: unknown): item is Named => {
    const { namespace, pid } = (item ?? {}) as Partial<Named>;
    return typeof namespace === 'string' && typeof pid === 'string';
  };
  if (Array.isArray(items) && items.every(isNamed)) return items;
  throw new TypeError('"items" is no list of sessions');
}

/** @throws TypeError before any session is released: one bad question would end the others without an answer */
function questionsIn(params: unknown): TakeQuestion[] {
  const questions = namedIn(params) as TakeQuestion[];
  for (const { offset, current } of questions) {
    const isWhole =
      (offset === undefined || isText(offset)) &&
      (current === undefined || (Array.isArray(current) && current.every(isText)));
    if (!isWhole) throw new TypeError('a question of another form');
  }
  return questions;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
