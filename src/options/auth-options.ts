import type { Socket } from 'socket.io';

/** Who a socket belongs to, as `authenticate` says. Further claims are kept as they are. */
export interface Identity {
  /** The user. Numbers become strings: `42` and `'42'` are one user. Above 2^53 - 1: a string or a bigint. */
  userId: string | number | bigint;
  /**
   * The session that the token belongs to: at most 256 characters, numbers become strings. All sockets with it are one
   * session, in all namespaces and on all instances.
   * @default the claim `sid`, else the connection
   */
  sessionId?: string | number | undefined;
  /**
   * When the socket is to be disconnected: a Date, or ms since 1970.
   * @default what `exp` says
   */
  expiresAt?: Date | number | undefined;
  /**
   * The claim of a JSON Web Token: the same in seconds since 1970. Looked at where there is no `expiresAt`.
   * @default never
   */
  exp?: number | undefined;
  [claim: string]: unknown;
}

/**
 * The identity as found on `socket.auth`: user id and session id are strings there, and `expiresAt`, where there is an end, is in ms
 * since 1970.
 */
export type AuthenticatedIdentity = Readonly<
  Identity & { userId: string; sessionId: string; expiresAt?: number | undefined }
>;

/** How connecting clients are authenticated, in every namespace, before the connection is confirmed. */
export interface AuthOptions {
  /**
   * Turns a token into an identity. Return `null` (or throw) to refuse the client.
   * The client learns a code, never what was thrown.
   */
  authenticate: (
    token: string,
    socket: Socket,
  ) => Identity | null | undefined | Promise<Identity | null | undefined>;
  /**
   * Refuse clients without a token. When off they connect as anonymous (`socket.auth` is `null`).
   * @default false
   */
  required?: boolean | undefined;
  /**
   * How long `authenticate` may take, in ms, before the client is refused.
   * @default 5000
   */
  timeoutMs?: number | undefined;
  /**
   * Also accept the token from the query string, under the name `token`. Off by default, because query
   * strings end up in access logs.
   * @default false
   */
  tokenFromQuery?: boolean | undefined;
  /**
   * Finds the token by itself, at once (a Promise, or anything else but a string, null or undefined, refuses the client),
   * instead of `handshake.auth.token`, then `Authorization: Bearer`, then the query.
   * @default the three places above
   */
  extractToken?: ((socket: Socket) => string | null | undefined) | undefined;
  /**
   * How long before its identity ends a socket gets the event `auth:expiring`, in ms. 0: it does not.
   * @default 60000
   */
  expiryWarningMs?: number | undefined;
  /**
   * How many handshakes each client address may make a second on this instance, and at once: one for each namespace that
   * a client connects to, and for each `auth:refresh`. Further ones are refused before `authenticate` is asked. An IPv6 /64 counts
   * as one address.
   * @default undefined
   */
  handshakesPerSecond?: number | undefined;
  /**
   * Where a client is, as text of at most 256 characters. Behind a proxy every connection comes from the proxy; take
   * the address from a header then that the proxy itself sets, since clients can send any header.
   * @default `socket.handshake.address`
   */
  clientAddress?: ((socket: Socket) => string) | undefined;
  /**
   * How many sockets a user may have at the same time, on all instances together. A client has one in each namespace that it
   * connects to. Counted by presence, in Redis; while Redis is away each instance counts its own.
   * @default undefined
   */
  maxSocketsPerUser?: number | undefined;
  /**
   * What happens when a user has `maxSocketsPerUser` and connects once more: the oldest one is
   * told so (`auth.too-many-sockets`) by `propagator:disconnect` and disconnected, or the new one is refused with that code. After a crash, or on a
   * lost network, sockets that nobody has any more count for some time: `'reject-new'` keeps their user out until then.
   * @default 'disconnect-oldest'
   */
  onTooManySockets?: 'reject-new' | 'disconnect-oldest' | undefined;
  /**
   * For how long after `revokeUser` and `revokeSession` connections of that user or session are refused, in ms, but for
   * tokens whose claim `iat` says that they were issued later. 0: only those that are being made at that moment.
   * @default 5000
   */
  revocationMs?: number | undefined;
  /**
   * How much a client or the app may say of a session, in bytes of JSON.
   * @default 1024
   */
  maxMetadataBytes?: number | undefined;
}
