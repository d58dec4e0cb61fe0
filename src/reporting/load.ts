import { Subject, type Observable } from 'rxjs';

/** What an instance cannot keep up with. */
export type LoadReason = 'event-loop' | 'redis';

/** Whether an instance keeps up. */
export interface LoadState {
  readonly overloaded: boolean;
  /** What with; empty while it keeps up. */
  readonly reasons: readonly LoadReason[];
  /** How late the event loop was when it was last looked at, in ms. */
  readonly eventLoopDelayMs: number;
  /** How many publishes waited for the answer of Redis then. */
  readonly pendingPublishes: number;
}

/**
 * Whether this instance keeps up. While it does not, it sheds volatile events: it neither sends those of its own nor passes
 * on those of others. Inject it to shed work of the app as well.
 */
export class LoadService {
  private current: LoadState = {
    overloaded: false,
    reasons: [],
    eventLoopDelayMs: 0,
    pendingPublishes: 0,
  };
  private readonly changes = new Subject<LoadState>();

  /** Each time that an overload begins or ends, or gets another reason. */
  readonly changes$: Observable<LoadState> = this.changes.asObservable();

  get state(): LoadState {
    return this.current;
  }

  get overloaded(): boolean {
    return this.current.overloaded;
  }

  /** Returns whether something has changed, beside the figures. @internal */
  measured(figures: Omit<LoadState, 'overloaded'>): boolean {
    const changed = figures.reasons.join() !== this.current.reasons.join();
    this.current = { ...figures, overloaded: figures.reasons.length > 0 };
    if (changed) this.changes.next(this.current);
    return changed;
  }
}
