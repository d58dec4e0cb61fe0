import { Subject, type Observable } from 'rxjs';

/** The resource that an instance cannot keep up with. */
export type LoadReason = 'event-loop' | 'redis';

/** Whether an instance keeps up. */
export interface LoadState {
  readonly overloaded: boolean;
  /** The reasons; empty while the instance keeps up. */
  readonly reasons: readonly LoadReason[];
  /** How late the event loop was in the last measurement, in ms. */
  readonly eventLoopDelayMs: number;
  /** How many publishes waited for a reply of Redis in the last measurement. */
  readonly pendingPublishes: number;
}

/**
 * Whether this instance keeps up. While it does not, it sheds volatile events: it does not send its own and does
 * not deliver those of others. Inject this service to shed work of the app as well.
 */
export class LoadService {
  private current: LoadState = {
    overloaded: false,
    reasons: [],
    eventLoopDelayMs: 0,
    pendingPublishes: 0,
  };
  private readonly changes = new Subject<LoadState>();

  /** Emits when an overload begins, ends or gets another reason. */
  readonly changes$: Observable<LoadState> = this.changes.asObservable();

  get state(): LoadState {
    return this.current;
  }

  get overloaded(): boolean {
    return this.current.overloaded;
  }

  /** Returns whether anything except the figures has changed. @internal */
  measured(figures: Omit<LoadState, 'overloaded'>): boolean {
    const changed = figures.reasons.join() !== this.current.reasons.join();
    this.current = { ...figures, overloaded: figures.reasons.length > 0 };
    if (changed) this.changes.next(this.current);
    return changed;
  }
}
