import type { Subscription } from 'rxjs';
import { reasonOf } from '../errors.js';
import { shown } from '../options/checks.js';
import type { Reporter } from '../reporting/reporter.js';
import type { ClusterMessage, ReplyMessage, RequestMessage } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import { ReplyStream, NO_REPLY } from './reply-stream.js';
import type { ClusterBus } from './cluster-bus.js';
import type { ClusterService } from './cluster.service.js';
import {
  PendingRequest,
  UNKNOWN_OPERATION,
  type RequestListener,
  type RequestOutcome,
} from './pending-request.js';
import { after, guarded, type Failed } from '../reporting/timers.js';

/** Network allowance for a reply sent just before the deadline. */
const REPLY_GRACE_MS = 1_000;

/** After this part of its time a request is sent again to instances from which nothing has arrived. */
const RETRY_AFTER = 0.5;

/** The most requests of other instances that are answered at a time, and the most bytes of them. */
const MAX_ANSWERING = 16_384;
const MAX_ANSWERING_BYTES = 128 * 1024 * 1024;

/**
 * The number of remembered requests: a request that arrives twice is executed once. Older ones are forgotten, but not while only
 * so many are being answered.
 */
const MAX_REMEMBERED = 2 * MAX_ANSWERING;

/** The error of an instance that refuses a request. */
const TOO_MANY = 'too many requests';

/** The most refusals that Redis has not taken yet. Further requests are refused without a reply. */
const MAX_REFUSING = 1_024;

/** The maximum time that another instance may ask to wait, because waiting takes memory. */
const MAX_WAIT_MS = 600_000;

/** Thrown by a handler that has no reply: its caller has sent a newer request, or asks again. @internal */
export class Superseded extends Error {}

/**
 * Answers a request of another instance. The returned or resolved value is the last part of the reply; earlier parts go
 * through `push`.
 *
 * @internal
 */
export type RequestHandler = (
  params: unknown,
  context: {
    readonly origin: InstanceId;
    readonly timeoutMs: number;
    /** Resolves to whether the caller received the part; the promise may be ignored. */
    readonly push: (part: unknown) => Promise<boolean>;
  },
) => unknown;

/** @internal */
export interface RequestToCluster extends RequestListener {
  readonly operation: string;
  readonly params: unknown;
  readonly timeoutMs: number;
  /** Only this instance is asked. Default: all others. */
  readonly to?: InstanceId;
  /**
   * Set when the remote handler itself waits up to `timeoutMs` (for client acks, say). The caller then waits a
   * little longer.
   */
  readonly remoteWaits?: boolean;
  /** The name of the request in an error that says that it cannot be sent. */
  readonly about?: string;
}

/**
 * Requests to all other instances. A request ends when every instance that received it has replied or is known to
 * have left, or at the deadline. The result names the instances that did not reply.
 *
 * @internal
 */
export class ClusterRequests {
  private readonly handlers = new Map<string, RequestHandler>();
  /** Operations that are executed although earlier events have not arrived. */
  private readonly urgent = new Set<string>();
  /** The newest requests of other instances. */
  private readonly begun = new Set<string>();
  private readonly failed: Failed;
  private readonly pending = new Map<number, PendingRequest>();
  /** Requests of other instances that have no whole reply yet, with their operations. */
  private readonly answering = new Map<Promise<void>, string>();
  private answeringBytes = 0;
  private refusing = 0;
  private readonly subscriptions: Subscription;
  private lastId = 0;

  constructor(
    private readonly bus: ClusterBus,
    private readonly cluster: ClusterService,
    private readonly reporter: Reporter,
  ) {
    this.failed = reporter.failure('request.failed', () => 'requests between instances');
    this.subscriptions = bus.messages$.subscribe(
      guarded(this.failed, ({ origin, message, size }) => {
        if (origin === bus.instanceId) this.checkOwn(message);
        else if (message.type === 'reply') this.receiveReply(origin, message);
        else if (!('member' in message)) return this.receiveRequest(origin, message, size);
        return undefined;
      }),
    );
    this.subscriptions.add(
      cluster.unknownSubscribers$.subscribe(
        guarded(this.failed, (count) => {
          for (const request of this.pending.values()) request.unknownSubscribers(count);
        }),
      ),
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

  /** The number of pending requests. */
  get size(): number {
    return this.pending.size;
  }

  /** Resolves once all currently pending requests have settled. */
  async settled(): Promise<void> {
    await Promise.all([...this.pending.values()].map(({ outcome }) => outcome));
  }

  /** Resolves once this instance has replied to all requests of this operation that it has received before. */
  async answered(operation: string): Promise<void> {
    const answers = [...this.answering].filter(([, asked]) => asked === operation);
    await Promise.all(answers.map(([answer]) => answer));
  }

  /** @param urgent whether it may be executed before events that were published earlier */
  handle(operation: string, handler: RequestHandler, urgent = false): void {
    this.handlers.set(operation, handler);
    if (urgent) this.urgent.add(operation);
  }

  /**
   * Sends a request. The promise never rejects: a request that cannot be sent has an incomplete result.
   *
   * @throws PropagatorError at once `event.unserialisable`, `event.too-large`
   */
  request(request: RequestToCluster): Promise<RequestOutcome> {
    const { operation, params, timeoutMs, to, about = operation } = request;
    const id = this.lastId + 1;
    const message: RequestMessage = { type: 'request', id, operation, params, timeoutMs };
    const sent =
      to === undefined
        ? this.bus.sendToAll(message, about)
        : this.bus.sendTo(to, message).then((isThere) => (isThere ? 1 : 0));
    this.lastId = id;
    const members =
      to === undefined ? this.cluster.otherMembers().map(({ instanceId }) => instanceId) : [to];
    const patienceMs = request.remoteWaits === true ? timeoutMs + REPLY_GRACE_MS : timeoutMs;
    const pending = new PendingRequest(members, patienceMs, request, this.failed);
    this.pending.set(id, pending);
    const canRetry = to === undefined && this.bus.hasControl && members.length > 0;
    // A handler that waits is silent as well.
    const retry = (): Promise<number> => this.retry(message, pending);
    const timer =
      canRetry && request.remoteWaits !== true
        ? after(patienceMs * RETRY_AFTER, this.failed, retry)
        : undefined;
    sent.then(
      async (instances) => {
        const unknownSubscribers = to === undefined ? this.cluster.unknownAmong(instances) : 0;
        const isComplete = instances - unknownSubscribers >= members.length;
        const received = isComplete || !canRetry ? 0 : await retry();
        pending.delivered({ instances: Math.max(instances, received), unknownSubscribers });
      },
      () => {
        // The state says that Redis is down, and the log has said so, too.
        this.reporter.count('request.unsent');
        pending.failed();
      },
    );
    return pending.outcome.finally(() => {
      clearTimeout(timer);
      this.pending.delete(id);
    });
  }

  /**
   * Sends a request without waiting for replies.
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

  /**
   * Sends a request again to each instance from which nothing has arrived, because its connection of the events is lost, or
   * Redis has dropped what that connection did not read in time. Resolves to the number of instances that have the request.
   */
  private async retry(message: RequestMessage, pending: PendingRequest): Promise<number> {
    const { silent, answering } = pending;
    const retry = { ...message, type: 'retry' } as const;
    const sent = silent.map(async (instanceId) => {
      try {
        return await this.bus.sendTo(instanceId, retry);
      } catch {
        this.reporter.count('request.unsent');
        return false;
      }
    });
    return answering + (await Promise.all(sent)).filter(Boolean).length;
  }

  private async receiveRequest(
    origin: InstanceId,
    message: RequestMessage,
    size: number,
  ): Promise<void> {
    const { answering } = this;
    if (answering.size >= MAX_ANSWERING || this.answeringBytes + size > MAX_ANSWERING_BYTES) {
      this.reporter.report(
        'request.too-many',
        () => `${answering.size} are being answered; refused ${shown(message.operation)}`,
      );
      return this.refuse(origin, message.id);
    }
    this.answeringBytes += size;
    const answer = this.answerOnce(origin, message);
    answering.set(answer, message.operation);
    await answer.finally(() => {
      this.answeringBytes -= size;
      answering.delete(answer);
    });
  }

  /** Replies at once to a request that is refused, without a second try. A request that came before gets its own reply. */
  private async refuse(to: InstanceId, id: number): Promise<void> {
    if (id === NO_REPLY || this.begun.has(keyOf(to, id)) || this.refusing >= MAX_REFUSING) return;
    this.refusing++;
    try {
      await this.bus.sendTo(to, { type: 'reply', id, done: true, error: TOO_MANY });
    } catch (error) {
      this.reporter.report('reply.failed', () => reasonOf(error));
    } finally {
      this.refusing--;
    }
  }

  /** A retry waits for the events that were published before the request, and for the request itself. */
  private async answerOnce(origin: InstanceId, message: RequestMessage): Promise<void> {
    const { type, id, operation } = message;
    if (type === 'retry' && !this.urgent.has(operation)) await this.bus.fence.passed();
    if (id !== NO_REPLY && !this.begin(keyOf(origin, id))) return;
    await this.answer(origin, message);
  }

  /** Returns false for a request that has arrived before. */
  private begin(request: string): boolean {
    const { begun } = this;
    if (begun.has(request)) return false;
    begun.add(request);
    const [oldest] = begun.size > MAX_REMEMBERED ? begun : [];
    if (oldest !== undefined) begun.delete(oldest);
    return true;
  }

  private async answer(origin: InstanceId, message: RequestMessage): Promise<void> {
    const { id, operation, params } = message;
    const timeoutMs = Math.min(Math.max(0, message.timeoutMs), MAX_WAIT_MS);
    const handler = this.handlers.get(operation);
    const reply = new ReplyStream({ bus: this.bus, reporter: this.reporter }, origin, id);
    if (handler === undefined) {
      this.reporter.once('request.unknown', () => `another version asked for ${shown(operation)}`);
      return reply.fail(UNKNOWN_OPERATION);
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

  private receiveReply(origin: InstanceId, message: ReplyMessage): void {
    const request = this.pending.get(message.id);
    try {
      // Late, repeated, or without a request.
      if (request?.receive(origin, message) !== true) this.reporter.count('reply.unexpected');
    } catch (error) {
      // Another publisher on the channel must not be able to end the process.
      this.reporter.report('message.malformed', () => `a reply: ${reasonOf(error)}`);
    }
  }

  /**
   * Redis also delivers this instance's own requests to it. Replies in its own name, and to requests that it did not
   * make, are never valid.
   */
  private checkOwn(message: ClusterMessage): void {
    const forged =
      message.type === 'reply' ||
      message.type === 'retry' ||
      (message.type === 'request' && message.id > this.lastId);
    if (forged)
      this.reporter.report(
        'message.forged',
        () => `a ${message.type} in the name of this instance`,
      );
  }
}

function keyOf(origin: InstanceId, id: number): string {
  return `${origin}:${id}`;
}
