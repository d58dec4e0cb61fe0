import { BehaviorSubject, distinctUntilChanged, type Observable } from 'rxjs';
import type { PubSubState } from '../ports/pub-sub.js';

/** The state of a transport: emits the current one at once, then each change, and completes when closed. */
export class StateMachine {
  private readonly subject = new BehaviorSubject<PubSubState>('connecting');
  readonly state$: Observable<PubSubState> = this.subject.pipe(distinctUntilChanged());

  get state(): PubSubState {
    return this.subject.value;
  }

  /** Returns whether this was a change. */
  enter(state: PubSubState): boolean {
    if (this.state === state || this.state === 'closed') return false;
    this.subject.next(state);
    if (state === 'closed') this.subject.complete();
    return true;
  }
}
