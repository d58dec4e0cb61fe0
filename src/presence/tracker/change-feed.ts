import { Observable, Subject } from 'rxjs';
import type { PresenceChange } from '../store/presence-change.js';
import { nextTick, type Failed } from '../../reporting/timers.js';

/**
 * Where the app hears of changes. Some have to wait for somebody who listens: those that come while the app starts and
 * for a while after that, while it ends, and for a while after the last one has stopped listening. In an app that does
 * not listen they pass.
 *
 * @internal
 */
export class ChangeFeed {
  private readonly changes = new Subject<PresenceChange>();
  private phase: 'starting' | 'running' | 'ending' = 'starting';
  private silentSince = -Infinity;

  readonly changes$ = new Observable<PresenceChange>((listener) => {
    const subscription = this.changes.subscribe(listener);
    // Not before the subscriber has its subscription.
    nextTick(this.failed, this.onListener);
    return () => {
      subscription.unsubscribe();
      if (!this.isHeard) this.silentSince = performance.now();
    };
  });

  constructor(
    /** How long after the start, or after the last listener has gone, another one is expected, in ms. */
    private readonly patienceMs: number,
    private readonly onListener: () => void,
    private readonly failed: Failed,
  ) {}

  get isHeard(): boolean {
    return this.changes.observed;
  }

  /** Whether what comes now has to wait. */
  get isWaiting(): boolean {
    if (this.isHeard) return false;
    return this.phase !== 'running' || performance.now() - this.silentSince < this.patienceMs;
  }

  /** The app has started; some begin to listen right after that. */
  appStarted(): void {
    if (this.phase !== 'starting') return;
    this.phase = 'running';
    this.silentSince = performance.now();
  }

  /** The app is about to end: who does not listen any more has had the last of it. */
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
