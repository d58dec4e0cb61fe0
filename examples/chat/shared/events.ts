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
 * The events of each namespace, as Socket.IO wants them: `Socket<ChatToClient, ChatToServer>`.
 *
 * All of them take `handshake.auth = { token, metadata: { device } }`; the device is a name for people, such as
 * `Firefox on Linux`.
 */

type Ack<T> = (answer: Answer<T>) => void;

interface ToEveryClient {
  /** Something that was sent without asking for an acknowledgement has been refused. */
  exception: (failure: Failure) => void;
  /** From the library, before it disconnects this client: `server.draining`, `auth.expired`, `auth.revoked`. */
  'propagator:disconnect': (notice: { reason: string; reconnectInMs?: number }) => void;
  /** From the library, before the token ends. Answer with `auth:refresh`. */
  'auth:expiring': (notice: { expiresAt: number; expiresInMs: number }) => void;
}

interface ToEveryServer {
  /** Of the library: a new token, for this connection's socket in this namespace. */
  'auth:refresh': (
    token: string,
    ack: (answer: { ok: true; expiresAt: number | null } | { ok: false; code: string }) => void,
  ) => void;
}

/** Namespace `/`. */
export interface MainToClient extends ToEveryClient {
  welcome: (to: { instance: string; socketId: string; user: User }) => void;
  'order-update': (order: Order) => void;
  /** Every second, to those who watch. */
  cluster: (view: ClusterView) => void;
}

export interface MainToServer extends ToEveryServer {
  'cluster:watch': (watch: boolean, ack: Ack<{ watching: boolean }>) => void;
}

export interface JoinedRoom {
  room: string;
  /** All who have joined and not left, online or not. */
  members: User[];
  /** The last 50, the oldest first. */
  history: Message[];
}

/** Namespace `/chat`. */
export interface ChatToClient extends ToEveryClient {
  /** After each connect: the rooms that the user is a member of. Send `join` for each to get into it again. */
  rooms: (list: { rooms: string[] }) => void;
  /**
   * To everybody in the room. The same `id` may come again after a lost connection: show it once. Messages sent on two
   * instances at the same time come in either order: sort by `id`, with `compareMessages`.
   */
  message: (message: Message) => void;
  'user-joined': (news: { room: string; user: User }) => void;
  'user-left': (news: { room: string; user: User }) => void;
  typing: (news: { room: string; user: User; typing: boolean }) => void;
  /** To all tabs of the user, when one of them has joined a room that the user was not in. Send `join`, too. */
  'joined-room': (news: { room: string }) => void;
  /** To all tabs of the user, when one of them has left a room. */
  'left-room': (news: { room: string }) => void;
  /** To all tabs of the user, the one that wrote included: it knows itself by the `socketId`. */
  draft: (draft: { room: string; text: string; socketId: string }) => void;
}

export interface ChatToServer extends ToEveryServer {
  /** A member who joins again only gets the answer, and nobody else hears of it. */
  join: (request: { room: string }, ack: Ack<JoinedRoom>) => void;
  leave: (request: { room: string }, ack: Ack<{ room: string }>) => void;
  /** Acknowledged once it is stored. Until then send it again, with the same `clientId`, after each reconnect. */
  message: (request: { room: string; text: string; clientId: string }, ack: Ack<Message>) => void;
  /** May be lost on a slow line; say it again while it lasts. */
  typing: (request: { room: string; typing: boolean }) => void;
  draft: (request: { room: string; text: string }) => void;
}

/** Namespace `/presence`. */
export interface PresenceToClient extends ToEveryClient {
  /** Who is online: after each connect, and when an instance was lost. */
  'presence:list': (list: PresenceEntry[]) => void;
  'presence:change': (change: PresenceChange) => void;
}

export interface PresenceToServer extends ToEveryServer {
  status: (request: { status: Status }, ack: Ack<{ status: Status }>) => void;
}
