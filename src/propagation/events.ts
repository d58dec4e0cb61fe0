import type { UserId } from '../auth/user-id.js';
import type { ClusterResult } from '../cluster/cluster-result.js';
import type { PublishMode } from '../routing/outgoing-event.js';

/** An event, as in Nest's `WsResponse`, with its namespace and its delivery options. */
export interface EventToEmit<T = unknown> {
  /** The name of the event: not empty, and not reserved by Socket.IO. */
  event: string;
  /** The payload: JSON data that may contain Buffers, ArrayBuffers and typed arrays. */
  data?: T | undefined;
  /** Several arguments, in place of `data`. */
  args?: readonly unknown[] | undefined;
  /**
   * The namespace whose sockets get it.
   * @default '/'
   */
  namespace?: string | undefined;
  /** A socket that does not get it, on any instance: the one that caused the event. */
  exceptSocketId?: string | undefined;
  /** A session whose sockets do not get it: `socket.auth.sessionId` of the socket that caused the event. */
  exceptSessionId?: string | undefined;
  /**
   * Handling of the event while Redis cannot take it. `'queued'` keeps it, in order, until Redis is back (see the option
   * `outbox`); its promise resolves after `publishTimeoutMs` with `queued: true`. `'wait'` also keeps it, but its promise
   * waits for the outcome, up to `outbox.maxAgeMs`. `'fail-fast'` refuses it at once, so that only this instance's clients
   * get it. A volatile event never waits.
   * @default 'queued'
   */
  publish?: PublishMode | undefined;
  /**
   * Skip clients that are not ready to receive, instead of keeping the event for them.
   * @default false
   */
  volatile?: boolean | undefined;
  /**
   * Replace an older event of the same name with the same key that still waits for a slow client, such as the last price
   * of a share: `latestOnly: symbol`. A string of 1 to 256 bytes. Not with `volatile`.
   */
  latestOnly?: string | undefined;
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

/** An event that all devices of a user are asked to acknowledge. */
export interface UserRequest<T = unknown> {
  userId: UserId;
  /** Only the user's sockets of this session are asked. */
  sessionId?: string | undefined;
  event: string;
  data?: T | undefined;
  /** Several arguments, in place of `data`. */
  args?: readonly unknown[] | undefined;
  /** @default '/' */
  namespace?: string | undefined;
  /** A socket that is not asked. */
  exceptSocketId?: string | undefined;
  /** A session whose sockets are not asked. */
  exceptSessionId?: string | undefined;
  /**
   * The time limit for the acknowledgements, in ms.
   * @default the option `ackTimeoutMs`
   */
  timeoutMs?: number | undefined;
}

/** An event that a socket of a user caused. */
export interface CausedEvent<T = unknown> {
  /** Without a user (an anonymous socket) nothing is sent. */
  userId: UserId | null | undefined;
  /** The socket that caused the event, which does not get it. */
  socketId?: string | undefined;
  /** A session whose sockets do not get it: the one that caused the event. */
  exceptSessionId?: string | undefined;
  event: string;
  data?: T | undefined;
  /** Several arguments, in place of `data`. */
  args?: readonly unknown[] | undefined;
  /** @default '/' */
  namespace?: string | undefined;
}

/** The answer of one device. */
export interface DeviceAnswer<R = unknown> {
  readonly socketId: string;
  /** The instance that the device is connected to. */
  readonly instanceId: string;
  readonly answer: R;
}

/** The answers of a user's devices. */
export interface UserAnswers<R = unknown> extends ClusterResult<DeviceAnswer<R>> {
  /** The ids of sockets that were asked and did not answer in time. */
  readonly unanswered: readonly string[];
}
