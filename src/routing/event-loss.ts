import type { PropagatorError } from '../errors.js';
import type { TrafficTarget } from '../reporting/traffic.js';

/**
 * An event that waited in the outbox, and that other instances did not get after all. Its verb had resolved with
 * `queued: true` before, or it was sent by Socket.IO's own API. Sockets of this instance were served.
 */
export interface EventLoss {
  /** The name of the event. */
  readonly event: string;
  readonly namespace: string;
  /** The kind of audience. */
  readonly target: TrafficTarget;
  /** The user id or the room; undefined for `all` and `authenticated`. */
  readonly id: string | undefined;
  /** Why: `outbox.expired`, `outbox.full`, `redis.closed`, `redis.permission` or `redis.command-failed`. */
  readonly error: PropagatorError;
}
