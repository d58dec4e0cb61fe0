import { receiptOf, type Receipt, type UsersReceipt } from '../cluster/receipt.js';
import type { CausedEvent, EventToEmit, UserEvent, UsersEvent } from '../propagation/events.js';
import type { RedisPropagatorService } from '../propagation/redis-propagator.service.js';

/** A call of a verb, as {@link RecordingPropagator} saw it. */
export type RecordedCall =
  | { readonly verb: 'emitToUser'; readonly event: UserEvent }
  | { readonly verb: 'emitToUsers'; readonly event: UsersEvent }
  | { readonly verb: 'emitToAll' | 'emitToAuthenticated'; readonly event: EventToEmit }
  | { readonly verb: 'propagateEvent'; readonly event: CausedEvent };

/**
 * Stands in for `RedisPropagatorService` in a unit test of a class that emits: it sends nothing and remembers
 * every call.
 *
 * ```ts
 * const propagator = new RecordingPropagator();
 * const orders = new OrdersService(propagator.asService());
 * await orders.ship('42');
 * expect(propagator.calls).toEqual([
 *   { verb: 'emitToUser', event: { userId: '42', event: 'order-update', data: { shipped: true } } },
 * ]);
 * ```
 */
export class RecordingPropagator {
  readonly calls: RecordedCall[] = [];

  /** What the verbs resolve to. Change it to test what your code does for users that are online. */
  receipt: Receipt = receiptOf(0, 0);

  /** Itself, typed as the service that it stands in for. */
  asService(): RedisPropagatorService {
    return this as unknown as RedisPropagatorService;
  }

  async emitToUser(event: UserEvent): Promise<Receipt> {
    this.calls.push({ verb: 'emitToUser', event });
    return this.receipt;
  }

  async emitToUsers(event: UsersEvent): Promise<UsersReceipt> {
    this.calls.push({ verb: 'emitToUsers', event });
    const users = new Map([...event.userIds].map((id) => [String(id), this.receipt]));
    return { ...this.receipt, users };
  }

  async emitToAll(event: EventToEmit): Promise<Receipt> {
    this.calls.push({ verb: 'emitToAll', event });
    return this.receipt;
  }

  async emitToAuthenticated(event: EventToEmit): Promise<Receipt> {
    this.calls.push({ verb: 'emitToAuthenticated', event });
    return this.receipt;
  }

  async propagateEvent(event: CausedEvent): Promise<boolean> {
    this.calls.push({ verb: 'propagateEvent', event });
    return event.userId !== undefined && event.userId !== null;
  }
}
