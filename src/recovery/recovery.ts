import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterService } from '../cluster/cluster.service.js';
import { concerns, type Revoked } from '../auth/revocations.js';
import type { ResolvedRecoveryOptions } from '../options/resolve-recovery.js';
import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import { every, guarded } from '../reporting/timers.js';
import type { RecoveryOutcome } from '../routing/telemetry.js';
import { sessionIn, userIn } from '../routing/reserved-rooms.js';
import type { InstanceId } from '../wire/envelope.js';
import {
  HandOver,
  MAX_MOVING_LIMITS,
  MOVING,
  STRETCH,
  type HeldSession,
  type Holder,
  type Named,
  type TakeQuestion,
} from './hand-over.js';
import type { Proofs } from './incoming-sessions.js';
import { laterEvents, type EventsSince, type LaterIndex, type LaterQuestion } from './later.js';
import type { LeavingSession, LeftSessions } from './left-sessions.js';
import { NamespaceRecovery, type RecoveringNamespace } from './namespace-recovery.js';
import { Sessions, UNNOTICED_MS } from './sessions.js';
import type { RecoveryFailure } from './recovery-counts.js';
import type { KnownEvents, Session } from './session.js';
import type { MovedSession } from './transfer.js';

const SWEEP_MS = 10_000;
/** The sessions of one turn of the event loop: the events of each are looked for. */
const AT_ONCE = 16;
/** The longest wait of a client for its session; then it gets a new connection. */
const MAX_HAND_OVER_MS = 5_000;

/** @internal */
export interface RecoveryDeps {
  readonly instanceId: InstanceId;
  readonly options: ResolvedRecoveryOptions;
  readonly requestTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly requests: Pick<ClusterRequests, 'request' | 'handle' | 'answered'>;
  readonly cluster: Pick<ClusterService, 'otherMembers' | 'gaps$'>;
  readonly proofs: Proofs;
  readonly reporter: Reporter;
  /** Undefined without the option `recovery.persist`. */
  readonly left: LeftSessions | undefined;
  /** Resolves to true once this instance has heard the others up to now. */
  hears(this: void, withinMs: number): Promise<boolean>;
  /** Up to where it has heard them, as JSON. Undefined: not certain. */
  heard(this: void): unknown;
  /** Called for each client that came back. Must not throw. */
  told(this: void, outcome: RecoveryOutcome): void;
  readonly eventsSince: EventsSince;
  channelsOf(this: void, namespace: string, rooms: readonly string[]): readonly string[];
}

/**
 * Connection recovery: a client that comes back, to any instance, gets the events that it missed, each once and in order, or a
 * new connection. Never some of them.
 *
 * @internal
 */
export class Recovery {
  readonly sessions: Sessions;
  private readonly handOver: HandOver;
  private readonly later: (question: LaterQuestion) => Promise<LaterIndex | undefined>;
  private readonly timeoutMs: number;
  private readonly timer: NodeJS.Timeout;
  private readonly gaps: { unsubscribe(): void };
  /** Whether this instance is about to end. */
  private ending = false;

  constructor(private readonly deps: RecoveryDeps) {
    const { instanceId, options, reporter, cluster } = deps;
    const sessions = new Sessions(instanceId, options, reporter, deps.told);
    this.sessions = sessions;
    const failed = reporter.failure('recovery.failed', () => 'sessions of clients that are away');
    this.timeoutMs = Math.min(deps.requestTimeoutMs, MAX_HAND_OVER_MS);
    const { timeoutMs } = this;
    const holder: Holder = {
      find: (namespace, pid) => this.find(namespace, pid),
      release: (questions) => this.release(questions),
      adopt: (from, named) => this.adopt(from, named),
    };
    this.handOver = new HandOver({ ...deps, holder, timeoutMs });
    this.later = laterEvents(deps.eventsSince, deps.channelsOf, failed);
    this.gaps = cluster.gaps$.subscribe(guarded(failed, () => sessions.noticeGap()));
    this.timer = every(SWEEP_MS, failed, () => {
      sessions.sweep();
      deps.left?.sweep(performance.now());
    }).unref();
  }

  /**
   * The longest search for the session of a client that comes back: the last two questions, to its instance and to all, are asked
   * just before the time limit.
   */
  get searchMs(): number {
    const limits = MAX_MOVING_LIMITS + 2 * STRETCH;
    // A session in Redis is looked for after that, with the events since.
    return (this.deps.left === undefined ? limits : limits + 3) * this.timeoutMs;
  }

  /** How long a client may be away. */
  get maxDisconnectionMs(): number {
    return this.deps.options.maxDisconnectionMs;
  }

  /** The clients that came back to this instance, since its start. */
  get status(): {
    readonly recovered: number;
    readonly moved: number;
    readonly events: number;
    readonly failures: Record<string, number>;
    readonly away: number;
    readonly bytes: number;
  } {
    const { counts, ring, awayCount, carriedBytes } = this.sessions;
    const { recovered, moved, events, failures } = counts;
    return {
      recovered,
      moved,
      events,
      failures: Object.fromEntries(failures),
      away: awayCount,
      bytes: ring.bytes + carriedBytes,
    };
  }

  namespace(namespace: RecoveringNamespace): NamespaceRecovery {
    const { sessions, handOver, timeoutMs } = this;
    const { left, proofs, reporter } = this.deps;
    const scope = sessions.nextScope();
    const { later } = this;
    const deps = { sessions, handOver, proofs, timeoutMs, later, left, reporter };
    const recovery = new NamespaceRecovery(scope, namespace, deps);
    sessions.scopes.set(scope, recovery);
    return recovery;
  }

  /**
   * Gives the sessions of clients that are away to other instances, before this one ends. Those that no other instance takes are
   * lost: their clients get new connections.
   */
  async giveAway(): Promise<void> {
    this.ending = true;
    for (const { instanceId } of shuffled(this.deps.cluster.otherMembers())) {
      const away = [...this.sessions.all()].filter(({ socket }) => socket === undefined);
      if (away.length === 0) break;
      await this.handOver.giveTo(
        instanceId,
        away.map(({ namespace, pid }) => ({ namespace, pid })),
      );
    }
    // Another instance may be taking a session, and its client waits.
    await this.handOver.taken();
  }

  /**
   * Leaves the sessions of clients that are away in Redis, before this instance ends. Those for which there is no room, or no
   * proof, are lost. Never rejects.
   */
  async leave(): Promise<void> {
    const { sessions, timeoutMs } = this;
    const { left, proofs, hears, heard, reporter } = this.deps;
    // Until the end another instance may take them.
    if (left === undefined) return;
    const claimed = [...sessions.all()].filter(
      (session) =>
        session.socket === undefined && sessions.scopes.get(session.scope)?.claim(session) === true,
    );
    if (claimed.length === 0) return;
    let count = 0;
    try {
      const proven = await Promise.all([proofs.settled(timeoutMs / 2), hears(timeoutMs / 2)]);
      const upTo = proven.every(Boolean) ? heard() : undefined;
      if (upTo !== undefined) count = await left.leave(this.leaving(claimed), upTo);
    } catch (error) {
      reporter.report(
        'recovery.failed',
        () => `sessions of an instance that ends: ${reasonOf(error)}`,
      );
    }
    const lost = claimed.length - count;
    if (lost > 0) {
      reporter.report(
        'recovery.not-left',
        () => `${lost} of ${claimed.length} sessions: their clients get new connections`,
      );
    }
    // From now on only those in Redis count.
    for (const session of claimed) sessions.end(session);
  }

  private *leaving(claimed: readonly Session[]): Generator<LeavingSession> {
    const { maxDisconnectionMs, sessions } = this;
    const known: KnownEvents = new Map();
    const client = { offset: undefined, current: undefined };
    for (const each of claimed) {
      // An event that came a moment ago may come once more with the later ones: it has to be in the ring.
      if (sessions.ring.overflowedSince(performance.now() - UNNOTICED_MS)) return;
      // A command or a revocation may have ended it meanwhile.
      if (!sessions.has(each) || each.revoked) continue;
      const { pid, sid, namespace, awaySince } = each;
      const session = this.moved(each, { namespace, pid, ...client }, known);
      const leftMs = maxDisconnectionMs - (performance.now() - awaySince);
      if (typeof session === 'string' || leftMs <= 0) continue;
      yield { pid, sid, namespace, session, leftMs };
    }
  }

  /**
   * Makes worthless the sessions of clients that are away, or on their way here, with a user or session that was revoked. They stay,
   * so that authentication knows a client with a revoked session when it comes back.
   */
  revoke(revoked: Revoked): void {
    const { sessions } = this;
    const isRevoked = (rooms: Iterable<string>): boolean => {
      const userId = userIn(rooms);
      const sessionId = sessionIn(rooms);
      if (userId === undefined || sessionId === undefined) return false;
      return concerns(revoked, { userId, sessionId });
    };
    for (const session of sessions.all()) {
      if (session.socket === undefined && isRevoked(session.rooms)) session.revoked = true;
    }
    for (const [pid, { rooms }] of sessions.underway) {
      // The user of a session that is being read from Redis is not known yet.
      if (rooms === undefined || isRevoked(rooms)) sessions.underway.delete(pid);
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.gaps.unsubscribe();
    this.handOver.close();
    this.sessions.close();
    this.deps.left?.close();
  }

  private find(namespace: string, pid: string): HeldSession | typeof MOVING | undefined {
    const { sessions } = this;
    if (sessions.underway.get(pid)?.namespace === namespace) return MOVING;
    const session = sessions.get(pid);
    const scope = sessions.scopes.get(session?.scope ?? 0);
    if (session?.namespace !== namespace || scope === undefined) return undefined;
    if (!scope.isFree(session)) return MOVING;
    const { sid, socket, rooms } = session;
    return { sid, rooms: [...(socket === undefined ? rooms : scope.roomsOf(sid))] };
  }

  private async release(
    questions: readonly TakeQuestion[],
  ): Promise<(MovedSession | RecoveryFailure)[]> {
    const { sessions, timeoutMs } = this;
    const { proofs } = this.deps;
    const claimed = questions.map(({ pid, namespace }) => {
      const session = sessions.get(pid);
      if (session?.namespace !== namespace) return undefined;
      return sessions.scopes.get(session.scope)?.claim(session) === true ? session : undefined;
    });
    const proven = await Promise.all([
      proofs.settled(timeoutMs / 2),
      proofs.caughtUp(timeoutMs / 2),
    ]);
    const isProven = proven.every(Boolean);
    const known: KnownEvents = new Map();
    const answers: (MovedSession | RecoveryFailure)[] = [];
    for (const [i, question] of questions.entries()) {
      // Each session is whole by itself: between two of them other work goes on.
      if (i % AT_ONCE === AT_ONCE - 1) await nextTurn();
      const session = claimed[i];
      if (session === undefined || !sessions.has(session)) {
        answers.push('unknown-session');
        continue;
      }
      answers.push(isProven ? this.moved(session, question, known) : 'not-proven');
      sessions.end(session);
    }
    return answers;
  }

  private moved(
    session: Session,
    { offset, current }: TakeQuestion,
    known: KnownEvents,
  ): MovedSession | RecoveryFailure {
    const { sessions } = this;
    const after = offset === undefined ? { since: session.awaySince - UNNOTICED_MS } : { offset };
    const own = current && new Set(current);
    const missed = session.missed(sessions.ring, after, sessions.gapAt, own, known);
    if (typeof missed === 'string') return missed;
    const { rooms, data, scope } = session;
    const custom = sessions.scopes.get(scope)?.custom ?? false;
    const upTo = this.deps.proofs.lastOffset();
    return { rooms: [...rooms], data, custom, upTo, ...missed };
  }

  private async adopt(from: InstanceId, named: readonly Named[]): Promise<Named[]> {
    if (this.ending) return [];
    const taken = await Promise.all(
      named.map(async (each) => {
        const scopes = [...this.sessions.scopes.values()];
        const scope = scopes.find(({ name }) => name === each.namespace);
        return (await scope?.adopt(each.pid, from)) === true ? [each] : [];
      }),
    );
    return taken.flat();
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
