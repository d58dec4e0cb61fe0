import { Subject, type Observable } from 'rxjs';
import type { ClusterCount, ClusterResult } from '../cluster/cluster-result.js';
import { checkedNamespace, checkedOptions } from '../routing/target-validation.js';
import type { EventLoss } from '../routing/event-loss.js';
import { receiptOf, type Receipt, type UsersReceipt } from '../routing/receipt.js';
import type { SocketDetails } from '../socket-io/commands/socket-details.js';
import {
  checkedEvent,
  checkedRoom,
  checkedRooms,
  checkEventName,
} from '../propagation/validation.js';
import type {
  CausedEvent,
  EventToEmit,
  RoomEvent,
  UserEvent,
  UserRequest,
  UsersEvent,
  UserAnswers,
} from '../propagation/events.js';
import { NamespacePropagator } from '../propagation/namespace-propagator.js';
import type { RedisPropagatorService } from '../propagation/redis-propagator.service.js';
import type { DisconnectUserOptions, InNamespace } from '../propagation/user-commands.js';
import type { PropagatorVerbs } from '../propagation/verbs.js';
import { checkedUserId, checkedUserIds, normalisedUserId, type UserId } from '../auth/user-id.js';

interface UserCall {
  readonly userId: UserId;
  readonly options: InNamespace;
}

/** A call of a verb, as recorded by {@link RecordingPropagator}. */
export type RecordedCall =
  | { readonly verb: 'emitToUser'; readonly event: UserEvent }
  | { readonly verb: 'emitToUsers'; readonly event: UsersEvent }
  | { readonly verb: 'emitToRoom'; readonly event: RoomEvent }
  | { readonly verb: 'emitToAll' | 'emitToAuthenticated'; readonly event: EventToEmit }
  | { readonly verb: 'propagateEvent'; readonly event: CausedEvent }
  | { readonly verb: 'requestUser'; readonly event: UserRequest }
  | ({ readonly verb: 'fetchUserSockets' } & UserCall)
  | ({ readonly verb: 'joinUser' | 'leaveUser'; readonly rooms: readonly string[] } & UserCall)
  | ({ readonly verb: 'disconnectUser'; readonly options: DisconnectUserOptions } & UserCall);

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
export class RecordingPropagator implements PropagatorVerbs {
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
  asService(): RedisPropagatorService {
    return this as unknown as RedisPropagatorService;
  }

  /** Emits the values that a test passes to `losses.next`. */
  readonly losses = new Subject<EventLoss>();

  readonly losses$: Observable<EventLoss> = this.losses.asObservable();

  /** The same verbs in a namespace, which is part of the recorded calls. */
  of(namespace: string): NamespacePropagator {
    return new NamespacePropagator(this, namespace);
  }

  async emitToUser(event: UserEvent): Promise<Receipt> {
    checkEvent(event);
    checkedUserId(event.userId);
    this.calls.push({ verb: 'emitToUser', event });
    return this.receipt;
  }

  async emitToUsers(event: UsersEvent): Promise<UsersReceipt> {
    checkEvent(event);
    const users = new Map(checkedUserIds(event.userIds).map((id) => [id, this.receipt]));
    this.calls.push({ verb: 'emitToUsers', event });
    return { ...this.receipt, users };
  }

  async emitToRoom(event: RoomEvent): Promise<Receipt> {
    checkEvent(event);
    checkedRoom(event.room);
    this.calls.push({ verb: 'emitToRoom', event });
    return this.receipt;
  }

  async emitToAll(event: EventToEmit): Promise<Receipt> {
    checkEvent(event);
    this.calls.push({ verb: 'emitToAll', event });
    return this.receipt;
  }

  async emitToAuthenticated(event: EventToEmit): Promise<Receipt> {
    checkEvent(event);
    this.calls.push({ verb: 'emitToAuthenticated', event });
    return this.receipt;
  }

  async propagateEvent(event: CausedEvent): Promise<boolean> {
    checkEvent(event);
    this.calls.push({ verb: 'propagateEvent', event });
    return normalisedUserId(event.userId) !== undefined;
  }

  async requestUser<R = unknown>(event: UserRequest): Promise<UserAnswers<R>> {
    checkEvent(event);
    checkedUserId(event.userId);
    this.calls.push({ verb: 'requestUser', event });
    return this.answers as UserAnswers<R>;
  }

  async fetchUserSockets(
    userId: UserId,
    options: InNamespace = {},
  ): Promise<ClusterResult<SocketDetails>> {
    checkCall(userId, options);
    this.calls.push({ verb: 'fetchUserSockets', userId, options });
    return this.sockets;
  }

  async joinUser(
    userId: UserId,
    rooms: string | readonly string[],
    options: InNamespace = {},
  ): Promise<ClusterCount> {
    checkCall(userId, options);
    this.calls.push({ verb: 'joinUser', userId, rooms: checkedRooms(rooms), options });
    return this.count;
  }

  async leaveUser(
    userId: UserId,
    rooms: string | readonly string[],
    options: InNamespace = {},
  ): Promise<ClusterCount> {
    checkCall(userId, options);
    this.calls.push({ verb: 'leaveUser', userId, rooms: checkedRooms(rooms), options });
    return this.count;
  }

  async disconnectUser(userId: UserId, options: DisconnectUserOptions = {}): Promise<ClusterCount> {
    checkCall(userId, options);
    this.calls.push({ verb: 'disconnectUser', userId, options });
    return this.count;
  }
}

function checkEvent(event: { readonly event: unknown; readonly namespace?: unknown }): void {
  checkedEvent(event);
  checkEventName(event.event);
  checkedNamespace(event.namespace);
}

function checkCall(userId: UserId, options: InNamespace): void {
  checkedUserId(userId);
  checkedNamespace(checkedOptions(options).namespace);
}
