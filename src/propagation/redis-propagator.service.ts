import { checkedNamespace } from '../routing/target-validation.js';
import type { ClusterCount, ClusterResult } from '../cluster/cluster-result.js';
import type { EventRouter } from '../routing/event-router.js';
import type { OutgoingEvent } from '../routing/outgoing-event.js';
import type { Observable } from 'rxjs';
import type { EventLoss } from '../routing/event-loss.js';
import { usersReceiptOf, type Receipt, type UsersReceipt } from '../routing/receipt.js';
import { PropagatorError } from '../errors.js';
import type { SocketDetails } from '../socket-io/commands/socket-details.js';
import type { Readiness } from '../reporting/readiness.js';
import type { Reporter } from '../reporting/reporter.js';
import { refused, unawaited } from '../reporting/unawaited.js';
import {
  checkedUserId,
  checkedUserIds,
  isInexact,
  normalisedUserId,
  type UserId,
} from '../auth/user-id.js';
import {
  checkedEvent,
  checkedFlag,
  checkedPublish,
  checkedRoom,
  checkEventName,
  exceptedRooms,
  roomsOfSession,
} from './validation.js';
import type {
  CausedEvent,
  EventToEmit,
  RoomEvent,
  UserEvent,
  UserRequest,
  UsersEvent,
  UserAnswers,
} from './events.js';
import { NamespacePropagator } from './namespace-propagator.js';
import type { DisconnectUserOptions, InNamespace, UserCommands } from './user-commands.js';
import type { PropagatorVerbs } from './verbs.js';

/**
 * Emits events to clients on whichever instance they are connected to. Inject it anywhere: gateways, controllers,
 * queue workers without gateways, cron jobs.
 *
 * Clients of this instance get the event at once, whatever Redis does. Every promise settles: with a receipt once
 * Redis has the event, or after `publishTimeoutMs` with a receipt that says `queued: true`, else with a
 * `PropagatorError`. It may be left unawaited: a failure is then counted and logged, and never an unhandled rejection.
 *
 * All verbs reject with `app.not-started`, `event.invalid-name`, `event.reserved-name`, `event.unserialisable`,
 * `event.too-large` or `target.invalid` where nobody gets the event; with `redis.unavailable`, `redis.timeout`,
 * `redis.permission`, `redis.command-failed`, `redis.closed`, `outbox.full` or `outbox.expired` where only this
 * instance's clients got it.
 */
export class RedisPropagatorService implements PropagatorVerbs {
  /**
   * Emits each event that other instances did not get after all, though its promise resolved with `queued: true`. Events
   * of Socket.IO's own API (`server.to(room).emit()`) are among them. Each is counted and logged as well. Completes when
   * the app ends.
   */
  readonly losses$: Observable<EventLoss>;

  /** @internal */
  constructor(
    private readonly router: EventRouter,
    private readonly users: UserCommands,
    private readonly reporter: Reporter,
    private readonly readiness: Readiness,
  ) {
    this.losses$ = router.losses$;
  }

  /** The same verbs, bound to a namespace. */
  of(namespace: string): NamespacePropagator {
    return new NamespacePropagator(this, namespace);
  }

  /**
   * To all sockets of a user, or of one session of the user. `reached: false` means that the user is offline; for a
   * session `remoteInstances` counts all instances that the user is connected to.
   */
  emitToUser<T>(event: UserEvent<T>): Promise<Receipt> {
    return this.settled(() => {
      const { userId, sessionId } = checkedEvent(event);
      return this.sendToUser(userId, outgoingOf(event, sessionId));
    });
  }

  /** To all sockets of several users; the event is encoded once. */
  emitToUsers<T>(event: UsersEvent<T>): Promise<UsersReceipt> {
    return this.settled(() => {
      const outgoing = outgoingOf(event);
      const userIds = checkedUserIds(event.userIds);
      const { namespace } = outgoing;
      const targets = userIds.map((id) => ({ kind: 'user' as const, namespace, id }));
      return this.router
        .sendToEach(targets, outgoing)
        .then((receipts) =>
          usersReceiptOf(
            new Map(receipts.map((receipt, index) => [userIds[index] ?? '', receipt])),
          ),
        );
    });
  }

  /** To all sockets of a namespace, anonymous ones included. */
  emitToAll<T>(event: EventToEmit<T>): Promise<Receipt> {
    return this.emitToKind('all', event);
  }

  /** To all authenticated sockets of a namespace. */
  emitToAuthenticated<T>(event: EventToEmit<T>): Promise<Receipt> {
    return this.emitToKind('authenticated', event);
  }

  /**
   * To the sockets of a room. `reached: false` means that the room is empty.
   *
   * While sockets are being made to join the room (`joinUser`, `socketsJoin`), `remoteInstances` counts all instances
   * of the namespace, since the event then goes to all of them.
   */
  emitToRoom<T>(event: RoomEvent<T>): Promise<Receipt> {
    return this.settled(() => {
      const outgoing = outgoingOf(event);
      return this.router.broadcast({ ...outgoing, rooms: [checkedRoom(event.room)] });
    });
  }

  /**
   * Asks all of a user's devices, on all instances, and collects what they acknowledge with: `items` are the answers,
   * `unanswered` the sockets that did not answer in time, `missing` the instances that said nothing. A user who is
   * offline gives no items, complete.
   *
   * Rejects with `event.*` and `target.invalid` only: without Redis it asks this instance's sockets, `complete: false`.
   */
  requestUser<R = unknown, T = unknown>(request: UserRequest<T>): Promise<UserAnswers<R>> {
    return this.settled(() => this.users.request<R>(request).catch(refused));
  }

  /** The sockets of a user on all instances. */
  fetchUserSockets(userId: UserId, options?: InNamespace): Promise<ClusterResult<SocketDetails>> {
    return this.settled(() => this.users.fetch(userId, options).catch(refused));
  }

  /**
   * Makes all sockets of a user join rooms; resolves once events for the rooms reach them. `count` is the number of sockets
   * that are in all of the rooms then. A socket that was kept out of one, as by `limits.roomsPerSocket`, does not count.
   */
  joinUser(
    userId: UserId,
    rooms: string | readonly string[],
    options?: InNamespace,
  ): Promise<ClusterCount> {
    return this.settled(() => this.users.join(userId, rooms, options).catch(refused));
  }

  /** Makes all sockets of a user leave rooms. */
  leaveUser(
    userId: UserId,
    rooms: string | readonly string[],
    options?: InNamespace,
  ): Promise<ClusterCount> {
    return this.settled(() => this.users.leave(userId, rooms, options).catch(refused));
  }

  /** Disconnects all sockets of a user, and says how many. */
  disconnectUser(userId: UserId, options?: DisconnectUserOptions): Promise<ClusterCount> {
    return this.settled(() => this.users.disconnect(userId, options).catch(refused));
  }

  /**
   * To a user's other sockets: what `RedisPropagatorInterceptor` does with a gateway's responses.
   *
   * @returns false, with nothing published, where there is no user
   * @throws PropagatorError `target.invalid` for a number above 2^53 - 1
   */
  propagateEvent<T>(event: CausedEvent<T>): Promise<boolean> {
    return this.settled(() => {
      const outgoing = outgoingOf({ ...checkedEvent(event), exceptSocketId: event.socketId });
      const { userId } = event;
      if (normalisedUserId(userId) === undefined && !isInexact(userId))
        return Promise.resolve(false);
      return this.sendToUser(userId as UserId, outgoing).then(() => true);
    });
  }

  private sendToUser(userId: UserId, outgoing: OutgoingEvent): Promise<Receipt> {
    const { namespace } = outgoing;
    return this.router.send({ kind: 'user', namespace, id: checkedUserId(userId) }, outgoing);
  }

  private emitToKind(kind: 'all' | 'authenticated', event: EventToEmit): Promise<Receipt> {
    return this.settled(() => {
      const outgoing = outgoingOf(event);
      return this.router.send({ kind, namespace: outgoing.namespace }, outgoing);
    });
  }

  private settled<R>(work: () => Promise<R>): Promise<R> {
    return unawaited(this.reporter, () => {
      // Gateways may have clients, and emit, before the hooks of the app are called.
      if (!this.readiness.hasBegun && !this.router.hasNamespaces) {
        throw PropagatorError.of('app.not-started', []);
      }
      return work();
    });
  }
}

/** What {@link EventToEmit} has, of whichever kind of event. */
type Given = { readonly [K in keyof EventToEmit]: EventToEmit[K] | undefined };

function outgoingOf(event: Given, sessionId?: string): OutgoingEvent {
  const { event: name, data, namespace, volatile, compress, publish } = checkedEvent(event);
  checkEventName(name);
  return {
    namespace: checkedNamespace(namespace),
    data: data === undefined ? [name] : [name, data],
    except: exceptedRooms(event),
    rooms: roomsOfSession(sessionId),
    volatile: checkedFlag('volatile', volatile, false),
    compress: checkedFlag('compress', compress, true),
    publish: checkedPublish(publish),
  };
}
