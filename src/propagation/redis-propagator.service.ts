import type { EventChecks } from '../contract/event-checks.js';
import type { NamespaceOf } from '../contract/event-types.js';
import type { AppContract } from '../contract/propagator-types.js';
import { checkedNamespace } from '../routing/target-validation.js';
import type { EventRouter } from '../routing/event-router.js';
import type { OutgoingEvent } from '../routing/outgoing-event.js';
import type { Observable } from 'rxjs';
import type { EventLoss } from '../routing/event-loss.js';
import { usersReceiptOf, type Receipt, type UsersReceipt } from '../routing/receipt.js';
import { PropagatorError } from '../errors.js';
import type { Readiness } from '../reporting/readiness.js';
import type { Reporter } from '../reporting/reporter.js';
import { refusalOf, unawaited } from '../reporting/unawaited.js';
import { checkedUserId, checkedUserIds, isInexact, normalisedUserId } from '../auth/user-id.js';
import {
  checkedEvent,
  checkedFlag,
  checkedLatestKey,
  checkedPublish,
  checkedRoom,
  checkEventName,
  exceptedRooms,
  packetData,
  roomsOfSession,
} from './validation.js';
import type { Target } from '../wire/channel-names.js';
import { checkedActions, type Actions } from './checked-actions.js';
import type { CausedEvent, EventToEmit, UsersEvent } from './events.js';
import { inNamespace, propagatorOf, type PropagatorOf } from './namespace-propagator.js';
import type { UserCommands } from './user-commands.js';
import { Propagator, type OutcomeOf, type CallOf, type Verb } from './propagator.js';

/** Verbs that return the promise of the router, which reports a failure. A rejection need not be handled. */
const ROUTED: ReadonlySet<Verb> = new Set([
  'emitToUser',
  'emitToRoom',
  'emitToAll',
  'emitToAuthenticated',
]);

/**
 * Emits events to clients on any instance. Inject it anywhere: gateways, controllers, queue workers without gateways, cron
 * jobs.
 *
 * Clients of this instance get the event at once, even while Redis is down. Every promise settles: with a receipt once
 * Redis has the event, with the receipt `queued: true` after `publishTimeoutMs`, or with a `PropagatorError`. You need not
 * await it: a failure is counted and logged, and never becomes an unhandled rejection.
 *
 * All verbs reject with `app.not-started`, `event.invalid-name`, `event.reserved-name`, `event.unserialisable`,
 * `event.too-large` or `target.invalid` if no client gets the event; with `redis.unavailable`, `redis.timeout`,
 * `redis.permission`, `redis.command-failed`, `redis.closed`, `outbox.full` or `outbox.expired` if only the clients of this
 * instance got it.
 *
 * @typeParam Contract the events of the app, such as `typeof contract`; by default those of `PropagatorTypes`, and any if
 * there are none
 */
export class RedisPropagatorService<Contract = AppContract> extends Propagator<false, Contract> {
  /**
   * Emits each event that was never published although its promise resolved with `queued: true`, events of Socket.IO's own
   * API (`server.to(room).emit()`) included. Each is also counted and logged. Completes when the app ends.
   */
  readonly losses$: Observable<EventLoss>;

  /** Performs each verb. An action may throw. */
  private readonly actions: Actions;

  private readonly uncheckedActions: Actions = {
    emitToUser: ({ event }) => {
      const { userId, sessionId } = checkedEvent(event);
      const outgoing = outgoingOf(event, sessionId);
      return this.router.send(userTarget(outgoing, userId), outgoing);
    },
    emitToUsers: ({ event }) => this.sendToUsers(event),
    emitToRoom: ({ event }) => {
      const outgoing = outgoingOf(event);
      return this.router.broadcast({ ...outgoing, rooms: [checkedRoom(event.room)] });
    },
    emitToAll: ({ event }) => this.sendToKind('all', event),
    emitToAuthenticated: ({ event }) => this.sendToKind('authenticated', event),
    propagateEvent: ({ event }) => this.propagate(event),
    requestUser: ({ event }) => this.users.request(event),
    fetchUserSockets: ({ userId, options }) => this.users.fetch(userId, options),
    joinUser: ({ userId, rooms, options }) => this.users.join(userId, rooms, options),
    leaveUser: ({ userId, rooms, options }) => this.users.leave(userId, rooms, options),
    disconnectUser: ({ userId, options }) => this.users.disconnect(userId, options),
  };

  /** @internal */
  constructor(
    private readonly router: EventRouter,
    private readonly users: UserCommands,
    private readonly reporter: Reporter,
    private readonly readiness: Readiness,
    checks?: EventChecks,
  ) {
    super();
    this.actions =
      checks === undefined
        ? this.uncheckedActions
        : checkedActions(this.uncheckedActions, checks, reporter);
    this.losses$ = router.losses$;
  }

  /** The same verbs, bound to a namespace. */
  of<Namespace extends NamespaceOf<Contract>>(
    namespace: Namespace,
  ): PropagatorOf<Contract, Namespace> {
    return propagatorOf(this, namespace);
  }

  /** @internal */
  override perform<V extends Verb>(call: CallOf<V>, namespace?: string): Promise<OutcomeOf<V>> {
    try {
      // Gateways may have clients, and emit, before Nest calls the hooks of the app.
      if (!this.readiness.hasBegun && this.router.namespaces.isEmpty) {
        throw PropagatorError.of('app.not-started', []);
      }
      const outcome = this.actions[call.verb](inNamespace(call, namespace));
      return ROUTED.has(call.verb) ? outcome : unawaited(this.reporter, outcome);
    } catch (thrown) {
      return unawaited(this.reporter, Promise.reject(refusalOf(thrown)));
    }
  }

  private sendToUsers(event: UsersEvent): Promise<UsersReceipt> {
    const outgoing = outgoingOf(event);
    const userIds = checkedUserIds(event.userIds);
    const { namespace } = outgoing;
    const targets = userIds.map((id) => ({ kind: 'user' as const, namespace, id }));
    return this.router
      .sendToEach(targets, outgoing)
      .then((receipts) =>
        usersReceiptOf(new Map(receipts.map((receipt, index) => [userIds[index] ?? '', receipt]))),
      );
  }

  private propagate(event: CausedEvent): Promise<boolean> {
    const outgoing = outgoingOf({ ...checkedEvent(event), exceptSocketId: event.socketId });
    const { userId } = event;
    if (normalisedUserId(userId) === undefined && !isInexact(userId)) return Promise.resolve(false);
    return this.router.send(userTarget(outgoing, userId), outgoing).then(() => true);
  }

  private sendToKind(kind: 'all' | 'authenticated', event: EventToEmit): Promise<Receipt> {
    const outgoing = outgoingOf(event);
    return this.router.send({ kind, namespace: outgoing.namespace }, outgoing);
  }
}

/** @throws PropagatorError `target.invalid` */
function userTarget({ namespace }: OutgoingEvent, userId: unknown): Target {
  return { kind: 'user', namespace, id: checkedUserId(userId) };
}

/** The fields of {@link EventToEmit}, in any kind of event. */
type Given = { readonly [K in keyof EventToEmit]: EventToEmit[K] | undefined };

function outgoingOf(event: Given, sessionId?: string): OutgoingEvent {
  const {
    event: name,
    data,
    args,
    namespace,
    volatile,
    latestOnly,
    compress,
    publish,
  } = checkedEvent(event);
  checkEventName(name);
  const isVolatile = checkedFlag('volatile', volatile, false);
  return {
    namespace: checkedNamespace(namespace),
    data: packetData(name, data, args),
    except: exceptedRooms(event),
    rooms: roomsOfSession(sessionId),
    volatile: isVolatile,
    latestOnly: checkedLatestKey(name, latestOnly, isVolatile),
    compress: checkedFlag('compress', compress, true),
    publish: checkedPublish(publish),
  };
}
