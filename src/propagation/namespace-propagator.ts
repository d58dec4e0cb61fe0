import type { ClusterCount, ClusterResult } from '../cluster/cluster-result.js';
import type { Receipt, UsersReceipt } from '../routing/receipt.js';
import type { SocketDetails } from '../socket-io/commands/socket-details.js';
import type {
  CausedEvent,
  EventToEmit,
  RoomEvent,
  UserEvent,
  UserRequest,
  UsersEvent,
  UserAnswers,
} from './events.js';
import { refused } from '../reporting/unawaited.js';
import type { DisconnectUserOptions } from './user-commands.js';
import type { PropagatorVerbs } from './verbs.js';
import type { UserId } from '../auth/user-id.js';

type Unbound<T> = Omit<T, 'namespace'>;

/** The verbs of `RedisPropagatorService` bound to a namespace: `propagator.of('/chat').emitToAll({ event, data })`. */
export class NamespacePropagator {
  /** @internal */
  constructor(
    private readonly propagator: PropagatorVerbs,
    readonly namespace: string,
  ) {}

  emitToUser<T>(event: Unbound<UserEvent<T>>): Promise<Receipt> {
    return rejecting(() => this.propagator.emitToUser(this.bound(event)));
  }

  emitToUsers<T>(event: Unbound<UsersEvent<T>>): Promise<UsersReceipt> {
    return rejecting(() => this.propagator.emitToUsers(this.bound(event)));
  }

  emitToRoom<T>(event: Unbound<RoomEvent<T>>): Promise<Receipt> {
    return rejecting(() => this.propagator.emitToRoom(this.bound(event)));
  }

  emitToAll<T>(event: Unbound<EventToEmit<T>>): Promise<Receipt> {
    return rejecting(() => this.propagator.emitToAll(this.bound(event)));
  }

  emitToAuthenticated<T>(event: Unbound<EventToEmit<T>>): Promise<Receipt> {
    return rejecting(() => this.propagator.emitToAuthenticated(this.bound(event)));
  }

  propagateEvent<T>(event: Unbound<CausedEvent<T>>): Promise<boolean> {
    return rejecting(() => this.propagator.propagateEvent(this.bound(event)));
  }

  requestUser<R = unknown, T = unknown>(request: Unbound<UserRequest<T>>): Promise<UserAnswers<R>> {
    return rejecting(() => this.propagator.requestUser<R>(this.bound(request)));
  }

  fetchUserSockets(userId: UserId): Promise<ClusterResult<SocketDetails>> {
    return this.propagator.fetchUserSockets(userId, this.bound({}));
  }

  joinUser(userId: UserId, rooms: string | readonly string[]): Promise<ClusterCount> {
    return this.propagator.joinUser(userId, rooms, this.bound({}));
  }

  leaveUser(userId: UserId, rooms: string | readonly string[]): Promise<ClusterCount> {
    return this.propagator.leaveUser(userId, rooms, this.bound({}));
  }

  disconnectUser(userId: UserId, options?: Unbound<DisconnectUserOptions>): Promise<ClusterCount> {
    return rejecting(() => this.propagator.disconnectUser(userId, this.bound(options ?? {})));
  }

  private bound<T extends object>(options: T): T & { namespace: string } {
    // The verb refuses it. To copy the characters of a long text would take long.
    if (typeof options !== 'object') return options;
    return { ...options, namespace: this.namespace };
  }
}

/** Arguments that cannot be copied reject, like those that the verbs themselves cannot read. */
function rejecting<R>(work: () => Promise<R>): Promise<R> {
  try {
    return work();
  } catch (thrown) {
    const rejected = Promise.resolve().then(() => refused(thrown));
    // Nobody has to await it.
    rejected.catch(() => undefined);
    return rejected;
  }
}
