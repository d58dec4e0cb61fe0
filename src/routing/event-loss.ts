import { Subject, type Observable } from 'rxjs';
import type { PropagatorError } from '../errors.js';
import type { TrafficTarget } from '../reporting/traffic.js';
import { soon, type Failed } from '../reporting/timers.js';
import type { LostPublish } from './outbox-queue.js';

/**
 * An event that waited in the outbox and was never published. Its verb had resolved with `queued: true`, or it was sent by
 * Socket.IO's own API. The sockets of this instance got it.
 */
export interface EventLoss {
  /** The name of the event. */
  readonly event: string;
  readonly namespace: string;
  /** The kind of audience. */
  readonly target: TrafficTarget;
  /** The user id or the room; undefined for `all` and `authenticated`. */
  readonly id: string | undefined;
  /** The reason: `outbox.expired`, `redis.closed`, `redis.permission` or `redis.command-failed`. */
  readonly error: PropagatorError;
}

/** Emits losses on the next turn of the event loop. @internal */
export class EventLosses {
  private readonly subject = new Subject<EventLoss>();
  readonly losses$: Observable<EventLoss> = this.subject.asObservable();
  private pending: EventLoss[] = [];

  /** @param failed called with errors that subscribers throw */
  constructor(private readonly failed: Failed) {}

  /** A publish without a target is not an event of the app, and is ignored. */
  add({ target, event = '' }: LostPublish, error: PropagatorError): void {
    if (target === undefined) return;
    const id = 'id' in target ? target.id : undefined;
    // Not at once: a subscriber that emits would change the outbox while the outbox makes room.
    if (this.pending.length === 0) soon(this.failed, () => this.flush());
    this.pending.push({ event, namespace: target.namespace, target: target.kind, id, error });
  }

  /** Emits the last losses at once, and completes. */
  close(): void {
    this.flush();
    this.subject.complete();
  }

  private flush(): void {
    const losses = this.pending;
    this.pending = [];
    for (const loss of losses) this.subject.next(loss);
  }
}
