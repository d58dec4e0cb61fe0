import type { UserId } from '../auth/user-id.js';
import type { AnswerTo, CallKind, CallsOf } from '../contract/event-types.js';
import type { ClusterCount, ClusterResult } from '../cluster/cluster-result.js';
import type { AppContract } from '../contract/propagator-types.js';
import type { Receipt, UsersReceipt } from '../routing/receipt.js';
import type { SocketDetails } from '../socket-io/commands/socket-details.js';
import type {
  CausedEvent,
  EventToEmit,
  RoomEvent,
  UserAnswers,
  UserEvent,
  UserRequest,
  UsersEvent,
} from './events.js';
import type { DisconnectUserOptions, InNamespace } from './user-commands.js';

/** The arguments that a contract types. */
type TypedArguments = 'event' | 'data' | 'args' | 'namespace';

/** What all calls of a contract have in common. */
interface AnyCall {
  event: string;
  data?: unknown;
  args?: readonly unknown[] | undefined;
}

/**
 * Arguments with the events of the contract, if there is one. Without `namespace` where the propagator is bound to one.
 */
type Given<
  Arguments,
  Bound extends boolean,
  Contract,
  Kind extends CallKind = 'event',
> = unknown extends Contract
  ? Bound extends true
    ? Omit<Arguments, 'namespace'>
    : Arguments
  : Omit<Arguments, TypedArguments> & AnyCall & CallsOf<Contract, Kind, Bound>;

type GivenOptions<Options, Bound extends boolean> = Bound extends true
  ? Omit<Options, 'namespace'>
  : Options;

/** The answers that the contract names, or those that the caller expects. */
type Answer<Expected, Contract, Name extends string> = unknown extends Contract
  ? Expected
  : AnswerTo<Contract, Name>;

/** The last argument of verbs whose only option is the namespace. */
type NamespaceOption<Bound extends boolean> = Bound extends true ? [] : [options?: InNamespace];

interface UserCall {
  readonly userId: UserId;
  readonly options: InNamespace;
}

interface RoomsCall extends UserCall {
  readonly rooms: string | readonly string[];
}

/** The arguments of each verb. */
export interface VerbArguments {
  readonly emitToUser: { readonly event: UserEvent };
  readonly emitToUsers: { readonly event: UsersEvent };
  readonly emitToRoom: { readonly event: RoomEvent };
  readonly emitToAll: { readonly event: EventToEmit };
  readonly emitToAuthenticated: { readonly event: EventToEmit };
  readonly propagateEvent: { readonly event: CausedEvent };
  readonly requestUser: { readonly event: UserRequest };
  readonly fetchUserSockets: UserCall;
  readonly joinUser: RoomsCall;
  readonly leaveUser: RoomsCall;
  readonly disconnectUser: UserCall & { readonly options: DisconnectUserOptions };
}

/** The name of a verb. */
export type Verb = keyof VerbArguments;

/** A call of a verb. */
export type CallOf<V extends Verb> = { readonly verb: V } & VerbArguments[V];

/** A call of any verb. */
export type Call = { [V in Verb]: CallOf<V> }[Verb];

/** The result of a verb. */
export type OutcomeOf<V extends Verb> = Awaited<ReturnType<Propagator[V]>>;

/** The verbs as an interface, for a test double. */
export type PropagatorVerbs<Contract = AppContract> = Pick<Propagator<false, Contract>, Verb>;

/**
 * The verbs that an app calls, each written once. `RedisPropagatorService`, `NamespacePropagator` and the
 * `RecordingPropagator` of the testing kit each perform calls in their own way.
 *
 * @typeParam Bound whether it is bound to a namespace; the arguments then have no `namespace`
 * @typeParam Contract the events that it may emit; `unknown`: any
 */
export abstract class Propagator<Bound extends boolean = false, Contract = unknown> {
  /**
   * Performs a call. Never throws: all errors are rejections, which need not be handled.
   *
   * @param namespace replaces the namespace in the call
   * @internal
   */
  abstract perform<V extends Verb>(call: CallOf<V>, namespace?: string): Promise<OutcomeOf<V>>;

  /**
   * To all sockets of a user, or of one session of the user. `reached: false` means that the user has no socket in
   * this namespace; `PresenceService.isOnline` says whether the user is offline. For a session `remoteInstances` counts
   * all instances that the user is connected to.
   */
  emitToUser<T>(event: Given<UserEvent<T>, Bound, Contract>): Promise<Receipt> {
    return this.perform({ verb: 'emitToUser', event });
  }

  /** To all sockets of several users; the event is encoded once. */
  emitToUsers<T>(event: Given<UsersEvent<T>, Bound, Contract>): Promise<UsersReceipt> {
    return this.perform({ verb: 'emitToUsers', event });
  }

  /**
   * To the sockets of a room. `reached: false` means that the room is empty.
   *
   * While sockets are being made to join the room (`joinUser`, `socketsJoin`), `remoteInstances` counts all instances
   * of the namespace, since the event then goes to all of them.
   */
  emitToRoom<T>(event: Given<RoomEvent<T>, Bound, Contract>): Promise<Receipt> {
    return this.perform({ verb: 'emitToRoom', event });
  }

  /** To all sockets of a namespace, anonymous ones included. */
  emitToAll<T>(event: Given<EventToEmit<T>, Bound, Contract>): Promise<Receipt> {
    return this.perform({ verb: 'emitToAll', event });
  }

  /** To all authenticated sockets of a namespace. */
  emitToAuthenticated<T>(event: Given<EventToEmit<T>, Bound, Contract>): Promise<Receipt> {
    return this.perform({ verb: 'emitToAuthenticated', event });
  }

  /**
   * To the user's other sockets, as `RedisPropagatorInterceptor` does with the responses of a gateway.
   *
   * @returns false, without a publish, if there is no user
   * @throws PropagatorError `target.invalid` for a number above 2^53 - 1
   */
  propagateEvent<T>(event: Given<CausedEvent<T>, Bound, Contract>): Promise<boolean> {
    return this.perform({ verb: 'propagateEvent', event });
  }

  /**
   * Asks all devices of a user, on all instances, and collects their acknowledgements: `items` are the answers,
   * `unanswered` the sockets that did not answer in time, `missing` the instances that did not reply. The result for an
   * offline user is complete and has no items.
   *
   * Rejects with `event.*` and `target.invalid` only: without Redis it asks the sockets of this instance and resolves with
   * `complete: false`.
   */
  requestUser<R = unknown, T = unknown, Name extends string = string>(
    request: Given<UserRequest<T>, Bound, Contract, 'request'> & { event: Name },
  ): Promise<UserAnswers<Answer<R, Contract, Name>>> {
    return this.perform({ verb: 'requestUser', event: request }) as Promise<
      UserAnswers<Answer<R, Contract, Name>>
    >;
  }

  /** The sockets of a user on all instances. */
  fetchUserSockets(
    userId: UserId,
    ...given: NamespaceOption<Bound>
  ): Promise<ClusterResult<SocketDetails>> {
    const [options = {}] = given;
    return this.perform({ verb: 'fetchUserSockets', userId, options });
  }

  /**
   * Makes all sockets of a user join rooms. Resolves once events for the rooms reach them. `count` is the number of sockets
   * that are in all of the rooms then. A socket that was kept out of a room, as by `limits.roomsPerSocket`, does not count.
   */
  joinUser(
    userId: UserId,
    rooms: string | readonly string[],
    ...given: NamespaceOption<Bound>
  ): Promise<ClusterCount> {
    const [options = {}] = given;
    return this.perform({ verb: 'joinUser', userId, rooms, options });
  }

  /** Makes all sockets of a user leave rooms. */
  leaveUser(
    userId: UserId,
    rooms: string | readonly string[],
    ...given: NamespaceOption<Bound>
  ): Promise<ClusterCount> {
    const [options = {}] = given;
    return this.perform({ verb: 'leaveUser', userId, rooms, options });
  }

  /** Disconnects all sockets of a user. `count` is their number. */
  disconnectUser(
    userId: UserId,
    options?: GivenOptions<DisconnectUserOptions, Bound>,
  ): Promise<ClusterCount> {
    return this.perform({
      verb: 'disconnectUser',
      userId,
      options: options === undefined ? {} : options,
    });
  }
}
