import type { QueuedPublish } from '../../src/routing/outbox-queue.js';

/** An event in the outbox that nothing has happened to yet. */
export function queuedPublish(
  given: Pick<QueuedPublish, 'channel' | 'orderingKey'> & Partial<QueuedPublish>,
): QueuedPublish {
  return {
    bytes: Buffer.alloc(0),
    sequence: 1,
    repeated: false,
    reason: 'away',
    since: 0,
    endsAt: Infinity,
    inFlight: false,
    reportedQueued: false,
    place: undefined,
    resolve: () => undefined,
    reject: () => undefined,
    ...given,
  };
}
