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

/** Network allowance for a reply sent just before the deadline. */
const REPLY_GRACE_MS = 1_000;

/** The maximum time that another instance may ask to wait, because waiting takes memory. */
const MAX_WAIT_MS = 600_000;

/** Thrown by a handler whose caller has sent a newer request and no longer needs this reply. @internal */
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
  private readonly failed: Failed;
  private readonly pending = new Map<number, PendingRequest>();
  private readonly subscriptions: Subscription;
  private lastId = 0;

  constructor(
    private readonly bus: ClusterBus,
    private readonly cluster: ClusterService,
    private readonly reporter: Reporter,
  ) {
    this.failed = reporter.failure('request.failed', () => 'requests between instances');
    this.subscriptions = bus.messages$.subscribe(
      guarded(this.failed, ({ origin, message }) => {
        if (origin === bus.instanceId) this.checkOwn(message);
        else if (message.type === 'request') return this.answer(origin, message);
        else if (message.type === 'reply') this.receiveReply(origin, message);
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

  handle(operation: string, handler: RequestHandler): void {
    this.handlers.set(operation, handler);
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
    sent.then(
      (instances) => {
        const unknownSubscribers = to === undefined ? this.cluster.unknownAmong(instances) : 0;
        pending.delivered({ instances, unknownSubscribers });
      },
      () => {
        // The state says that Redis is down, and the log has said so, too.
        this.reporter.count('request.unsent');
        pending.failed();
      },
    );
    return pending.outcome.finally(() => this.pending.delete(id));
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
      message.type === 'reply' || (message.type === 'request' && message.id > this.lastId);
    if (forged)
      this.reporter.report(
        'message.forged',
        () => `a ${message.type} in the name of this instance`,
      );
  }
}
