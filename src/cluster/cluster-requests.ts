import type { Subscription } from 'rxjs';
import { isPassing, PropagatorError, reasonOf } from '../errors.js';
import { shown } from '../options/checks.js';
import type { Reporter } from '../reporting/reporter.js';
import type { ClusterMessage, ReplyMessage, RequestMessage } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import type { ClusterBus } from './cluster-bus.js';
import type { ClusterService } from './cluster.service.js';
import { PendingRequest, type RequestListener, type RequestOutcome } from './pending-request.js';

/** For the way of an answer that was given at the last moment. */
const ANSWER_GRACE_MS = 1_000;

/** However long another instance says that it wants to wait: what waits takes memory. */
const MOST_WAIT_MS = 600_000;

/** An answer that cannot be published is tried again after that, and for at most so long. */
const ANSWER_AGAIN_MS = 50;
const ANSWER_WITHIN_MS = 5_000;

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
  context: {
    readonly timeoutMs: number;
    /** Resolves to whether whoever asked was there to get it; may be left unawaited. */
    readonly emit: (part: unknown) => Promise<boolean>;
  },
) => unknown;

/** @internal */
export interface RequestToCluster extends RequestListener {
  readonly operation: string;
  readonly params: unknown;
  readonly timeoutMs: number;
  /**
   * Whether the others take that time themselves, to wait for somebody: then their answers are waited for a little
   * longer.
   */
  readonly othersWait?: boolean;
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
  private readonly pending = new Map<number, PendingRequest>();
  private readonly subscriptions: Subscription;
  private lastId = 0;

  constructor(
    private readonly bus: ClusterBus,
    private readonly cluster: ClusterService,
    private readonly reporter: Reporter,
  ) {
    this.subscriptions = bus.messages$.subscribe(({ origin, message }) => {
      if (origin === bus.instanceId) this.checkOwn(message);
      else if (message.type === 'request') void this.answer(origin, message);
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
    const { operation, params, timeoutMs, about = operation } = question;
    const id = this.lastId + 1;
    const sent = this.bus.sendToAll({ type: 'request', id, operation, params, timeoutMs }, about);
    this.lastId = id;
    const members = this.cluster.otherMembers().map(({ instanceId }) => instanceId);
    const patienceMs = question.othersWait === true ? timeoutMs + ANSWER_GRACE_MS : timeoutMs;
    const request = new PendingRequest(members, patienceMs, question);
    this.pending.set(id, request);
    sent.then(
      (instances) => request.handedTo({ instances, outsiders: this.cluster.outsiders }),
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
    const timeoutMs = Math.min(Math.max(0, message.timeoutMs), MOST_WAIT_MS);
    const handler = this.handlers.get(operation);
    const reply = (rest: Omit<ReplyMessage, 'type' | 'id'>): Promise<boolean> =>
      this.reply(origin, { type: 'reply', id, ...rest });
    // After an outage this instance may hear a question before it can publish, and whoever asked waits.
    const conclude = (rest: { part?: unknown; error?: string }): void => {
      const triesEnd = performance.now() + ANSWER_WITHIN_MS;
      void this.reply(origin, { type: 'reply', id, done: true, ...rest }, triesEnd);
    };
    if (handler === undefined) {
      this.reporter.once('request.unknown', () => `another version asked for ${shown(operation)}`);
      conclude({ error: 'unknown operation' });
      return;
    }
    try {
      const emit = (part: unknown): Promise<boolean> => reply({ done: false, part });
      const part = await handler(params, { timeoutMs, emit });
      conclude(part === undefined ? {} : { part });
    } catch (error) {
      this.reporter.report('request.failed', () => `"${operation}": ${reasonOf(error)}`);
      conclude({ error: 'failed' });
    }
  }

  /** Resolves to whether it arrived at somebody; never rejects. Said twice, the last word of an answer counts once. */
  private async reply(to: InstanceId, message: ReplyMessage, triesEnd = 0): Promise<boolean> {
    if (message.id === NO_REPLY) return false;
    try {
      return await this.bus.sendTo(to, message);
    } catch (error) {
      if (isPassing(error) && performance.now() < triesEnd) {
        await new Promise((resolve) => setTimeout(resolve, ANSWER_AGAIN_MS).unref());
        return this.reply(to, message, triesEnd);
      }
      const halves = isTooLarge(error) ? halvesOf(message) : [];
      if (halves.length > 0) return this.replyInTurn(to, halves, triesEnd);
      this.reporter.report('reply.failed', () => reasonOf(error));
      // What cannot be sent is no reason to let the other side wait.
      if (message.part !== undefined && isUnsendable(error)) {
        void this.reply(to, { type: 'reply', id: message.id, done: true, error: 'failed' });
      }
      return false;
    }
  }

  /** Half an answer must not pass for a whole one. */
  private async replyInTurn(
    to: InstanceId,
    parts: readonly ReplyMessage[],
    triesEnd: number,
  ): Promise<boolean> {
    for (const part of parts) {
      if (await this.reply(to, part, part.done ? triesEnd : 0)) continue;
      const { type, id } = part;
      if (!part.done) void this.reply(to, { type, id, done: true, error: 'failed' }, triesEnd);
      return false;
    }
    return true;
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

function isTooLarge(error: unknown): boolean {
  return error instanceof PropagatorError && error.code === 'event.too-large';
}

/** It will not be sent at another time either. */
function isUnsendable(error: unknown): boolean {
  return (
    error instanceof PropagatorError &&
    (error.code === 'event.too-large' || error.code === 'event.unserialisable')
  );
}

/** An answer that is a list, in two messages. */
function halvesOf(message: ReplyMessage): ReplyMessage[] {
  const { part } = message;
  if (!Array.isArray(part) || part.length < 2) return [];
  const middle = part.length >> 1;
  return [
    { ...message, part: part.slice(0, middle), done: false },
    { ...message, part: part.slice(middle) },
  ];
}
