import type { Subscription } from 'rxjs';
import { reasonOf } from '../errors.js';
import { shown } from '../options/checks.js';
import type { Reporter } from '../reporting/reporter.js';
import type { ClusterMessage, ReplyMessage, RequestMessage } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import { ReplyStream, NO_REPLY } from './reply-stream.js';
import type { ClusterBus } from './cluster-bus.js';
import type { ClusterService } from './cluster.service.js';
import { PendingRequest, type RequestListener, type RequestOutcome } from './pending-request.js';
import { guarded, type Failed } from '../reporting/timers.js';

/** For the way of an answer that was given at the last moment. */
const ANSWER_GRACE_MS = 1_000;

/** However long another instance says that it wants to wait: what waits takes memory. */
const MAX_WAIT_MS = 600_000;

/** What a handler throws where whoever asked has asked anew: the answer is of no use to anybody. @internal */
export class Superseded extends Error {}

/**
 * Answers a request of another instance. What it returns (or resolves to) is the last part of the answer; earlier
 * parts go through `push`.
 *
 * @internal
 */
export type RequestHandler = (
  params: unknown,
  context: {
    readonly origin: InstanceId;
    readonly timeoutMs: number;
    /** Resolves to whether whoever asked was there to get it; may be left unawaited. */
    readonly push: (part: unknown) => Promise<boolean>;
  },
) => unknown;

/** @internal */
export interface RequestToCluster extends RequestListener {
  readonly operation: string;
  readonly params: unknown;
  readonly timeoutMs: number;
  /** Only this one is asked. Without it, all others. */
  readonly to?: InstanceId;
  /**
   * Whether the others take that time themselves, to wait for somebody: then their answers are waited for a little
   * longer.
   */
  readonly remoteWaits?: boolean;
  /** What it is about, for an error that says that it cannot be sent. */
  readonly about?: string;
}

/**
 * Questions to all other instances. A question ends when everybody whom Redis handed it to has answered, is known to
 * be gone, or the time is up; then it says who did not answer.
 *
 * @internal
 */
export class ClusterRequests {
  private readonly handlers = new Map<string, RequestHandler>();
  private readonly failed: Failed;
  private readonly pending = new Map<number, PendingRequest>();
  private readonly subscriptions: Subscription;
  private lastId = 0;

  constructor(
    private readonly bus: ClusterBus,
    private readonly cluster: ClusterService,
    private readonly reporter: Reporter,
  ) {
    this.failed = reporter.failure('request.failed', () => 'questions between instances');
    this.subscriptions = bus.messages$.subscribe(
      guarded(this.failed, ({ origin, message }) => {
        if (origin === bus.instanceId) this.checkOwn(message);
        else if (message.type === 'request') return this.answer(origin, message);
        else if (message.type === 'reply') this.answered(origin, message);
        return undefined;
      }),
    );
    this.subscriptions.add(
      cluster.changes$.subscribe(
        guarded(this.failed, ({ type, member }) => {
          if (type === 'joined') return;
          for (const request of this.pending.values()) request.gone(member.instanceId, type);
        }),
      ),
    );
  }

  /** How many are under way. */
  get size(): number {
    return this.pending.size;
  }

  /** Resolves once those are settled that are under way now. */
  async settled(): Promise<void> {
    await Promise.all([...this.pending.values()].map(({ outcome }) => outcome));
  }

  handle(operation: string, handler: RequestHandler): void {
    this.handlers.set(operation, handler);
  }

  /**
   * Asks; the promise never rejects: what could not be asked is incomplete.
   *
   * @throws PropagatorError at once `event.unserialisable`, `event.too-large`
   */
  request(question: RequestToCluster): Promise<RequestOutcome> {
    const { operation, params, timeoutMs, to, about = operation } = question;
    const id = this.lastId + 1;
    const message: RequestMessage = { type: 'request', id, operation, params, timeoutMs };
    const sent =
      to === undefined
        ? this.bus.sendToAll(message, about)
        : this.bus.sendTo(to, message).then((isThere) => (isThere ? 1 : 0));
    this.lastId = id;
    const members =
      to === undefined ? this.cluster.otherMembers().map(({ instanceId }) => instanceId) : [to];
    const patienceMs = question.remoteWaits === true ? timeoutMs + ANSWER_GRACE_MS : timeoutMs;
    const request = new PendingRequest(members, patienceMs, question, this.failed);
    this.pending.set(id, request);
    sent.then(
      (instances) => {
        const unknownSubscribers = to === undefined ? this.cluster.unknownSubscribers : 0;
        request.handedTo({ instances, unknownSubscribers });
      },
      () => {
        // The state says that Redis is away, and the log has said so, too.
        this.reporter.count('request.unsent');
        request.failed();
      },
    );
    return request.outcome.finally(() => this.pending.delete(id));
  }

  /**
   * Asks without waiting for an answer.
   *
   * @throws PropagatorError at once `event.unserialisable`, `event.too-large`
   */
  notify(operation: string, params: unknown): void {
    this.bus
      .sendToAll({ type: 'request', id: NO_REPLY, operation, params, timeoutMs: 0 }, operation)
      .catch((error: unknown) => {
        this.reporter.report('request.failed', () => `"${operation}": ${reasonOf(error)}`);
      });
  }

  close(): void {
    this.subscriptions.unsubscribe();
    for (const request of this.pending.values()) request.failed();
  }

  private async answer(origin: InstanceId, message: RequestMessage): Promise<void> {
    const { id, operation, params } = message;
    const timeoutMs = Math.min(Math.max(0, message.timeoutMs), MAX_WAIT_MS);
    const handler = this.handlers.get(operation);
    const reply = new ReplyStream({ bus: this.bus, reporter: this.reporter }, origin, id);
    if (handler === undefined) {
      this.reporter.once('request.unknown', () => `another version asked for ${shown(operation)}`);
      return reply.fail('unknown operation');
    }
    try {
      const part = await handler(params, { origin, timeoutMs, push: reply.push });
      await reply.end(part);
    } catch (error) {
      if (!(error instanceof Superseded)) {
        this.reporter.report('request.failed', () => `"${operation}": ${reasonOf(error)}`);
      }
      await reply.fail('failed');
    }
  }

  private answered(origin: InstanceId, message: ReplyMessage): void {
    const request = this.pending.get(message.id);
    try {
      // Late, twice, or to a question that nobody asked.
      if (request?.answered(origin, message) !== true) this.reporter.count('reply.unexpected');
    } catch (error) {
      // Whoever else can publish on our channel must not be able to end the process.
      this.reporter.report('message.malformed', () => `an answer: ${reasonOf(error)}`);
    }
  }

  /** Our own questions come back from Redis. Answers to ourselves we never send, nor what we have not asked. */
  private checkOwn(message: ClusterMessage): void {
    const forged =
      message.type === 'reply' || (message.type === 'request' && message.id > this.lastId);
    if (forged) this.reporter.report('message.forged', () => `a ${message.type} in our own name`);
  }
}
