import { Subject, type Observable } from 'rxjs';
import type { NamespaceOf } from '../contract/event-types.js';
import type { AppContract } from '../contract/propagator-types.js';
import type { ClusterCount, ClusterResult } from '../cluster/cluster-result.js';
import { checkedNamespace, checkedOptions } from '../routing/target-validation.js';
import type { EventLoss } from '../routing/event-loss.js';
import { receiptOf, type Receipt } from '../routing/receipt.js';
import type { SocketDetails } from '../socket-io/commands/socket-details.js';
import {
  checkedEvent,
  checkedRoom,
  checkedRooms,
  checkEventName,
  packetData,
} from '../propagation/validation.js';
import type { UserAnswers } from '../propagation/events.js';
import {
  inNamespace,
  propagatorOf,
  type PropagatorOf,
} from '../propagation/namespace-propagator.js';
import type { RedisPropagatorService } from '../propagation/redis-propagator.service.js';
import type { InNamespace } from '../propagation/user-commands.js';
import {
  Propagator,
  type Call,
  type CallOf,
  type OutcomeOf,
  type Verb,
} from '../propagation/propagator.js';
import { rejecting } from '../reporting/unawaited.js';
import { checkedUserId, checkedUserIds, normalisedUserId, type UserId } from '../auth/user-id.js';

/** A call of a verb, as recorded by {@link RecordingPropagator}: a single room becomes a list. */
export type RecordedCall = Recorded<Call>;

type Recorded<C> = C extends RoomsArgument
  ? Omit<C, 'rooms'> & { readonly rooms: readonly string[] }
  : C;

interface RoomsArgument {
  readonly rooms: string | readonly string[];
}

/** The verbs that resolve to a `Result`. */
type Resolving<Result> = { [V in Verb]: OutcomeOf<V> extends Result ? V : never }[Verb];

const NOBODY = Object.freeze({ items: [], missing: [], complete: true });

/**
 * Replaces `RedisPropagatorService` in a unit test of a class that emits: it sends nothing and records every call.
 * Wrong arguments reject as in the service.
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
export class RecordingPropagator<Contract = AppContract> extends Propagator<false, Contract> {
  readonly calls: RecordedCall[] = [];

  /** The result of the verbs that emit. Change it to test your code for users who are online. */
  receipt: Receipt = receiptOf(0, 0);

  /** The result of `requestUser`. */
  answers: UserAnswers = { ...NOBODY, unanswered: [] };

  /** The result of `fetchUserSockets`. */
  sockets: ClusterResult<SocketDetails> = NOBODY;

  /** The result of `joinUser`, `leaveUser` and `disconnectUser`. */
  count: ClusterCount = { count: 0, missing: [], complete: true };

  /** This recorder, typed as the service that it replaces. */
  asService(): RedisPropagatorService<Contract> {
    return this as unknown as RedisPropagatorService<Contract>;
  }

  /** Emits the values that a test passes to `losses.next`. */
  readonly losses = new Subject<EventLoss>();

  readonly losses$: Observable<EventLoss> = this.losses.asObservable();

  /** The same verbs in a namespace, which is part of the recorded calls. */
  of<Namespace extends NamespaceOf<Contract>>(
    namespace: Namespace,
  ): PropagatorOf<Contract, Namespace> {
    return propagatorOf(this, namespace);
  }

  /** @internal */
  override perform<V extends Verb>(given: CallOf<V>, namespace?: string): Promise<OutcomeOf<V>> {
    const promise = rejecting(() => {
      const call = recordedOf(inNamespace(given, namespace) as unknown as Call);
      const outcome = this.outcomeOf(call);
      this.calls.push(call);
      return Promise.resolve(outcome as OutcomeOf<V>);
    });
    // The promise may be ignored.
    promise.catch(() => undefined);
    return promise;
  }

  private outcomeOf(call: RecordedCall): OutcomeOf<Verb> {
    switch (call.verb) {
      case 'emitToUser':
        checkedUserId(call.event.userId);
        return this.receipt;
      case 'emitToUsers': {
        const userIds = checkedUserIds(call.event.userIds);
        return { ...this.receipt, users: new Map(userIds.map((id) => [id, this.receipt])) };
      }
      case 'emitToRoom':
        checkedRoom(call.event.room);
        return this.receipt;
      case 'propagateEvent':
        return normalisedUserId(call.event.userId) !== undefined;
      case 'requestUser':
        checkedUserId(call.event.userId);
        return this.answers;
      case 'fetchUserSockets':
        return this.sockets;
      default:
        if ('event' in call) {
          call.verb satisfies Resolving<Receipt>;
          return this.receipt;
        }
        call.verb satisfies Resolving<ClusterCount>;
        return this.count;
    }
  }
}

/** @throws PropagatorError for wrong arguments that verbs have in common */
function recordedOf(call: Call): RecordedCall {
  if ('event' in call) checkEvent(call.event);
  else checkUser(call.userId, call.options);
  return 'rooms' in call ? { ...call, rooms: checkedRooms(call.rooms) } : call;
}

interface GivenEvent {
  readonly event: unknown;
  readonly data?: unknown;
  readonly args?: unknown;
  readonly namespace?: unknown;
}

function checkEvent(event: GivenEvent): void {
  const { event: name, data, args } = checkedEvent(event);
  checkEventName(name);
  packetData(name, data, args);
  checkedNamespace(event.namespace);
}

function checkUser(userId: UserId, options: InNamespace): void {
  checkedUserId(userId);
  checkedNamespace(checkedOptions(options).namespace);
}
