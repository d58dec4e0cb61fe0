import type { Answer, Failure } from './failure.js';
import type {
  ClusterView,
  Message,
  Order,
  PresenceChange,
  PresenceEntry,
  Status,
  User,
} from './model.js';

/**
 * The events of each namespace, as Socket.IO types them: `Socket<ChatToClient, ChatToServer>`.
 *
 * All of them take `handshake.auth = { token, metadata: { device } }`; the device is a name for people, such as
 * `Firefox on Linux`.
 */

type Ack<T> = (answer: Answer<T>) => void;

interface ToEveryClient {
  /** A message that was sent without an acknowledgement has been refused. */
  exception: (failure: Failure) => void;
  /** From the library, before it disconnects this client: `server.draining`, `auth.expired`, `auth.revoked`. */
  'propagator:disconnect': (notice: { reason: string; reconnectInMs?: number }) => void;
  /** From the library, before the token expires. Respond with `auth:refresh`. */
  'auth:expiring': (notice: { expiresAt: number; expiresInMs: number }) => void;
}

interface ToEveryServer {
  /** Of the library: a new token for the socket of this connection in this namespace. */
  'auth:refresh': (
    token: string,
    ack: (answer: { ok: true; expiresAt: number | null } | { ok: false; code: string }) => void,
  ) => void;
}

/** Namespace `/`. */
export interface MainToClient extends ToEveryClient {
  welcome: (to: { instance: string; socketId: string; user: User }) => void;
  'order-update': (order: Order) => void;
  /** Every second, to clients that watch. */
  cluster: (view: ClusterView) => void;
}

export interface MainToServer extends ToEveryServer {
  'cluster:watch': (watch: boolean, ack: Ack<{ watching: boolean }>) => void;
}

export interface JoinedRoom {
  room: string;
  /** All users who have joined and not left, online or not. */
  members: User[];
  /** The last 50, the oldest first. */
  history: Message[];
}

/** Namespace `/chat`. */
export interface ChatToClient extends ToEveryClient {
  /**
   * After each connect: the rooms that the user is a member of. Send `join` for each to enter it again; a recovered connection is
   * in its rooms already.
   */
  rooms: (list: { rooms: string[] }) => void;
  /**
   * To everybody in the room. The same `id` may come again after a lost connection: show it once. Messages sent on
   * two instances at the same time come in either order: sort by `id`, with `compareMessages`.
   */
  message: (message: Message) => void;
  'user-joined': (news: { room: string; user: User }) => void;
  'user-left': (news: { room: string; user: User }) => void;
  typing: (news: { room: string; user: User; typing: boolean }) => void;
  /** To all tabs of the user, when one of them has joined a new room. Send `join`, too. */
  'joined-room': (news: { room: string }) => void;
  /** To all tabs of the user, when one of them has left a room. */
  'left-room': (news: { room: string }) => void;
  /** To all tabs of the user, including the one that wrote it, which recognises itself by the `socketId`. */
  draft: (draft: { room: string; text: string; socketId: string }) => void;
}

export interface ChatToServer extends ToEveryServer {
  /** A member who joins again only gets the reply, and nobody else is told. */
  join: (request: { room: string }, ack: Ack<JoinedRoom>) => void;
  leave: (request: { room: string }, ack: Ack<{ room: string }>) => void;
  /** Acknowledged once it is stored. Until then send it again after each reconnect, with the same `clientId`. */
  message: (request: { room: string; text: string; clientId: string }, ack: Ack<Message>) => void;
  /** May be lost on a slow connection; send it repeatedly while it lasts. */
  typing: (request: { room: string; typing: boolean }) => void;
  draft: (request: { room: string; text: string }) => void;
}

/** Namespace `/presence`. */
export interface PresenceToClient extends ToEveryClient {
  /** The online users: after each connect, and when an instance was lost. */
  'presence:list': (list: PresenceEntry[]) => void;
  'presence:change': (change: PresenceChange) => void;
}

export interface PresenceToServer extends ToEveryServer {
  status: (request: { status: Status }, ack: Ack<{ status: Status }>) => void;
}
