import type { PresenceChange } from '../store/presence-change.js';
import type { Lease, PresenceStore } from '../store/presence-store.js';

/** What the buckets of an instance have in common. @internal */
export interface BucketDeps {
  readonly store: PresenceStore;
  readonly graceMs: number;
  readonly leaseMs: number;
  /** Undefined while there is none. */
  lease(): Lease | undefined;
  /** Whether nobody can have been given this instance's users in the meantime. */
  holds(lease: Lease): boolean;
  /** Whether the store has lost its data a moment ago, and others may still be putting it back. */
  isHolding(): boolean;
  report(change: PresenceChange): void;
  /** Whether changes wait, for somebody who listens or for a lease: others may have been handed them meanwhile. */
  isWaiting(): boolean;
  /** The lease is of no use any more. */
  onLeaseEnded(): void;
  onFailed(error: unknown): void;
  /** Has `processDue` of the bucket called in so many ms. */
  processDueIn(ms: number): void;
  /** When the other buckets begin, too: what they tell the store can go out together. */
  nextTurn(): Promise<void>;
}
