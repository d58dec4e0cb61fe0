import { Observable, Subject } from 'rxjs';
import type { PresenceChange } from '../store/presence-change.js';
import { nextTick, type Failed } from '../../reporting/timers.js';

/**
 * Emits changes to the app. Changes wait for a subscriber while the app starts, for `patienceMs` after the start, for
 * `patienceMs` after the last subscriber has unsubscribed, and while the app ends. Otherwise changes without a subscriber
 * are dropped.
 *
 * @internal
 */
export class ChangeFeed {
  private readonly changes = new Subject<PresenceChange>();
  private phase: 'starting' | 'running' | 'ending' = 'starting';
  private silentSince = -Infinity;

  readonly changes$ = new Observable<PresenceChange>((listener) => {
    const subscription = this.changes.subscribe(listener);
    // Deferred until the subscriber has its subscription.
    nextTick(this.failed, this.onSubscriber);
    return () => {
      subscription.unsubscribe();
      if (!this.hasSubscriber) this.silentSince = performance.now();
    };
  });

  constructor(
    /** How long to wait for a subscriber after the start, or after the last one has unsubscribed, in ms. */
    private readonly patienceMs: number,
    private readonly onSubscriber: () => void,
    private readonly failed: Failed,
  ) {}

  /** Whether the app is subscribed. */
  get hasSubscriber(): boolean {
    return this.changes.observed;
  }

  /** Whether a change has to wait for a subscriber. */
  get isWaiting(): boolean {
    if (this.hasSubscriber) return false;
    return this.phase !== 'running' || performance.now() - this.silentSince < this.patienceMs;
  }

  /** The app has started. Some subscribers subscribe shortly afterwards. */
  appStarted(): void {
    if (this.phase !== 'starting') return;
    this.phase = 'running';
    this.silentSince = performance.now();
  }

  /** The app ends. From now on changes without a subscriber are kept for other instances, and not dropped. */
  appEnding(): void {
    this.phase = 'ending';
  }

  publish(change: PresenceChange): void {
    this.changes.next(change);
  }

  close(): void {
    this.changes.complete();
  }
}
