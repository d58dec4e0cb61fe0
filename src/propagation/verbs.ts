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
import type { DisconnectUserOptions, InNamespace } from './user-commands.js';
import type { UserId } from '../auth/user-id.js';

/** The verbs of the propagator; `RedisPropagatorService` says what each does. */
export interface PropagatorVerbs {
  emitToUser<T>(event: UserEvent<T>): Promise<Receipt>;
  emitToUsers<T>(event: UsersEvent<T>): Promise<UsersReceipt>;
  emitToRoom<T>(event: RoomEvent<T>): Promise<Receipt>;
  emitToAll<T>(event: EventToEmit<T>): Promise<Receipt>;
  emitToAuthenticated<T>(event: EventToEmit<T>): Promise<Receipt>;
  propagateEvent<T>(event: CausedEvent<T>): Promise<boolean>;
  requestUser<R = unknown, T = unknown>(request: UserRequest<T>): Promise<UserAnswers<R>>;
  fetchUserSockets(userId: UserId, options?: InNamespace): Promise<ClusterResult<SocketDetails>>;
  joinUser(
    userId: UserId,
    rooms: string | readonly string[],
    options?: InNamespace,
  ): Promise<ClusterCount>;
  leaveUser(
    userId: UserId,
    rooms: string | readonly string[],
    options?: InNamespace,
  ): Promise<ClusterCount>;
  disconnectUser(userId: UserId, options?: DisconnectUserOptions): Promise<ClusterCount>;
}
