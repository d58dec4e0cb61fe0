import type { UserId } from '../auth/user-id.js';
import type { ClusterResult } from '../cluster/cluster-result.js';
import type { PublishMode } from '../routing/outgoing-event.js';

/** An event, as in Nest's `WsResponse`, and where it goes. */
export interface EventToEmit<T = unknown> {
  /** Name of the event. Not empty, and none of Socket.IO's reserved names. */
  event: string;
  /** Its payload: JSON data, with Buffers, ArrayBuffers and typed arrays anywhere in it. */
  data?: T | undefined;
  /**
   * The namespace whose sockets get it.
   * @default '/'
   */
  namespace?: string | undefined;
  /** A socket that does not get it, on whichever instance it is: the one that caused the event. */
  exceptSocketId?: string | undefined;
  /** A session none of whose sockets gets it: `socket.auth.sessionId` of the one that caused the event. */
  exceptSessionId?: string | undefined;
  /**
   * What happens while Redis cannot take it. `'queued'` keeps it, in order, until Redis can (see the option `outbox`); its
   * promise resolves after `publishTimeoutMs` with `queued: true`. `'wait'` keeps it, too, and its promise waits for the
   * outcome, up to `outbox.maxAgeMs`. `'fail-fast'` refuses it at once, so that only this instance's clients get it. A
   * volatile event never waits.
   * @default 'queued'
   */
  publish?: PublishMode | undefined;
  /**
   * Leave it out for clients that are not ready to receive, rather than keeping it for them.
   * @default false
   */
  volatile?: boolean | undefined;
  /**
   * Compress it on connections with `perMessageDeflate`.
   * @default true
   */
  compress?: boolean | undefined;
}

/** An event for one user. */
export interface UserEvent<T = unknown> extends EventToEmit<T> {
  userId: UserId;
  /** Only the user's sockets of this session get it. */
  sessionId?: string | undefined;
}

/** An event for several users. */
export interface UsersEvent<T = unknown> extends EventToEmit<T> {
  userIds: Iterable<UserId>;
}

/** An event for the sockets of a room. */
export interface RoomEvent<T = unknown> extends EventToEmit<T> {
  room: string;
}

/** An event that all of a user's devices are asked to acknowledge. */
export interface UserRequest<T = unknown> {
  userId: UserId;
  /** Only the user's sockets of this session are asked. */
  sessionId?: string | undefined;
  event: string;
  data?: T | undefined;
  /** @default '/' */
  namespace?: string | undefined;
  /** A socket that is not asked. */
  exceptSocketId?: string | undefined;
  /** A session none of whose sockets is asked. */
  exceptSessionId?: string | undefined;
  /**
   * How long to wait, in ms.
   * @default the option `ackTimeoutMs`
   */
  timeoutMs?: number | undefined;
}

/** An event that a socket of a user caused. */
export interface CausedEvent<T = unknown> {
  /** Without a user (an anonymous socket) nothing happens. */
  userId: UserId | null | undefined;
  /** The socket that caused it, and does not get it. */
  socketId?: string | undefined;
  /** A session none of whose sockets gets it: the one that it comes from. */
  exceptSessionId?: string | undefined;
  event: string;
  data?: T | undefined;
  /** @default '/' */
  namespace?: string | undefined;
}

/** What one device answered. */
export interface DeviceAnswer<R = unknown> {
  readonly socketId: string;
  /** The instance that it is connected to. */
  readonly instanceId: string;
  readonly answer: R;
}

/** What a user's devices answered. */
export interface UserAnswers<R = unknown> extends ClusterResult<DeviceAnswer<R>> {
  /** Ids of the sockets that were asked and did not answer in time. */
  readonly unanswered: readonly string[];
}
