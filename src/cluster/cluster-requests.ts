import type { Subscription } from 'rxjs';
import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { ReplyMessage, RequestMessage } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import type { ClusterBus } from './cluster-bus.js';
import type { ClusterService } from './cluster.service.js';
import { PendingRequest, type RequestOutcome } from './pending-request.js';

/** For the way of an answer that was given at the last moment. */
const ANSWER_GRACE_MS = 1_000;

/** Id of requests that want no answer. */
const NO_REPLY = 0;

/**
 * Answers a request of another instance. What it returns (or resolves to) is the last part of the answer; earlier
 * parts go through `emit`.
 *
 * @internal
 */
export type RequestHandler = (
  params: unknown,
  context: { readonly timeoutMs: number; readonly emit: (part: unknown) => void },
) => unknown;

/** @internal */
export interface RequestToCluster {
  readonly operation: string;
  readonly params: unknown;
  readonly timeoutMs: number;
  /**
   * Whether the others take that time themselves, to wait for somebody: then their answers are waited for a little
   * longer.
   */
  readonly othersWait?: boolean;
  /** Called with the number of instances that Redis handed the question to. */
  readonly onHandedTo?: (instances: number) => void;
  /** Called with each part of each answer as it comes. */
  readonly onPart?: (instanceId: InstanceId, part: unknown) => void;
}

/**
 * Questions to all other instances. A question ends when everybody whom Redis handed it to has answered, is known to
 * be gone, or the time is up; then it says who did not answer.
 *
 * @internal
 */
export class ClusterRequests {
  private readonly handlers = new Map<string, RequestHandler>();
  private readonly pending = new Map<number, PendingRequest>();
  private readonly subscriptions: Subscription;
  private lastId = 0;

  constructor(
    private readonly bus: ClusterBus,
    private readonly cluster: ClusterService,
    private readonly reporter: Reporter,
  ) {
    this.subscriptions = bus.messages$.subscribe(({ origin, message }) => {
      if (origin === bus.instanceId) return;
      if (message.type === 'request') void this.answer(origin, message);
      else if (message.type === 'reply') this.answered(origin, message);
    });
    this.subscriptions.add(
      cluster.changes$.subscribe(({ type, member }) => {
        if (type === 'joined') return;
        for (const request of this.pending.values()) request.gone(member.instanceId, type);
      }),
    );
  }

  /** How many are under way. */
  get size(): number {
    return this.pending.size;
  }

  handle(operation: string, handler: RequestHandler): void {
    this.handlers.set(operation, handler);
  }

  /** Never rejects: what could not be asked is incomplete. */
  async request(question: RequestToCluster): Promise<RequestOutcome> {
    const { operation, params, timeoutMs } = question;
    const id = ++this.lastId;
    const members = this.cluster.otherMembers().map(({ instanceId }) => instanceId);
    const patienceMs = question.othersWait === true ? timeoutMs + ANSWER_GRACE_MS : timeoutMs;
    const request = new PendingRequest(members, patienceMs, question.onPart);
    this.pending.set(id, request);
    this.bus.sendToAll({ type: 'request', id, operation, params, timeoutMs }).then(
      (instances) => {
        question.onHandedTo?.(instances);
        request.handedTo(instances);
      },
      () => {
        // The state says that Redis is away, and the log has said so, too.
        this.reporter.count('request.unsent');
        request.failed();
      },
    );
    const outcome = await request.outcome;
    this.pending.delete(id);
    return outcome;
  }

  /** Asks without waiting for an answer. */
  notify(operation: string, params: unknown): void {
    this.bus
      .sendToAll({ type: 'request', id: NO_REPLY, operation, params, timeoutMs: 0 })
      .catch((error: unknown) => {
        this.reporter.report('request.failed', () => `"${operation}": ${reasonOf(error)}`);
      });
  }

  close(): void {
    this.subscriptions.unsubscribe();
    for (const request of this.pending.values()) request.failed();
  }

  private async answer(origin: InstanceId, message: RequestMessage): Promise<void> {
    const { id, operation, params, timeoutMs } = message;
    const handler = this.handlers.get(operation);
    const reply = (rest: Omit<ReplyMessage, 'type' | 'id'>): Promise<void> =>
      this.reply(origin, { type: 'reply', id, ...rest });
    if (handler === undefined) {
      this.reporter.once('request.unknown', () => `another version asked for "${operation}"`);
      await reply({ done: true, error: 'unknown operation' });
      return;
    }
    try {
      const part = await handler(params, {
        timeoutMs,
        emit: (early) => void reply({ done: false, part: early }),
      });
      await reply(part === undefined ? { done: true } : { done: true, part });
    } catch (error) {
      this.reporter.report('request.failed', () => `"${operation}": ${reasonOf(error)}`);
      await reply({ done: true, error: 'failed' });
    }
  }

  private async reply(to: InstanceId, message: ReplyMessage): Promise<void> {
    if (message.id === NO_REPLY) return;
    try {
      await this.bus.sendTo(to, message);
    } catch (error) {
      this.reporter.report('reply.failed', () => reasonOf(error));
      // What cannot be serialised is no reason to let the other side wait.
      if (message.part !== undefined) {
        await this.reply(to, { type: 'reply', id: message.id, done: true, error: 'failed' });
      }
    }
  }

  private answered(origin: InstanceId, message: ReplyMessage): void {
    const request = this.pending.get(message.id);
    if (request === undefined || !request.answered(origin, message)) {
      // Late, twice, or to a question that nobody asked.
      this.reporter.count('reply.unexpected');
    }
  }
}
