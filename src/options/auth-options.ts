import type { Socket } from 'socket.io';

/** The owner of a socket, as returned by `authenticate`. Further claims are kept unchanged. */
export interface Identity {
  /**
   * The user. Numbers become strings: `42` and `'42'` are one user. Numbers above 2^53 - 1 are refused: use a
   * string or a bigint.
   */
  userId: string | number | bigint;
  /**
   * The session of the token: at most 256 characters, numbers become strings. All sockets with the same id are one
   * session, in all namespaces and on all instances.
   * @default the claim `sid`, or else the connection
   */
  sessionId?: string | number | undefined;
  /**
   * When the socket is disconnected: a Date, or ms since 1970.
   * @default the time of `exp`
   */
  expiresAt?: Date | number | undefined;
  /**
   * The same time in seconds since 1970, as the claim of a JSON Web Token. Used if there is no `expiresAt`.
   * @default never
   */
  exp?: number | undefined;
  [claim: string]: unknown;
}

/**
 * The identity on `socket.auth`: user id and session id are strings, and `expiresAt`, if the identity expires, is
 * in ms since 1970.
 */
export type AuthenticatedIdentity = Readonly<
  Identity & { userId: string; sessionId: string; expiresAt?: number | undefined }
>;

/** How connecting clients are authenticated, in every namespace, before the connection is confirmed. */
export interface AuthOptions {
  /**
   * Turns a token into an identity. Return `null` (or throw) to refuse the client. The client gets an error code,
   * never the thrown error.
   */
  authenticate: (
    token: string,
    socket: Socket,
  ) => Identity | null | undefined | Promise<Identity | null | undefined>;
  /**
   * Refuses clients without a token. If `false`, they connect as anonymous clients (`socket.auth` is `null`).
   * @default false
   */
  required?: boolean | undefined;
  /**
   * The classes of gateways that an adapter of the app serves itself, without authentication. An app with other such
   * gateways does not start.
   * @default []
   */
  publicGateways?: readonly object[] | undefined;
  /**
   * How long `authenticate` may take, in ms, before the client is refused.
   * @default 5000
   */
  timeoutMs?: number | undefined;
  /**
   * Also accepts the token from the query string, under the name `token`. Off by default, because query strings
   * appear in access logs.
   * @default false
   */
  tokenFromQuery?: boolean | undefined;
  /**
   * Reads the token from the handshake, instead of `handshake.auth.token`, then `Authorization: Bearer`, then the
   * query. It must return a string, null or undefined; anything else, such as a Promise, refuses the client.
   * @default the three places above
   */
  extractToken?: ((socket: Socket) => string | null | undefined) | undefined;
  /**
   * How long before its identity expires a socket gets the event `auth:expiring`, in ms. 0 disables the event.
   * @default 60000
   */
  expiryWarningMs?: number | undefined;
  /**
   * Limits the handshakes of each client address on this instance, per second and at once. Each namespace that a
   * client connects to and each `auth:refresh` counts as one. Further handshakes are refused before `authenticate`
   * is called. An IPv6 /64 counts as one address.
   * @default undefined
   */
  handshakesPerSecond?: number | undefined;
  /**
   * Returns the address of a client, as text of at most 256 characters. Behind a proxy every connection comes from
   * the proxy: then read the address from a header that the proxy itself sets, because clients can send any header.
   * @default `socket.handshake.address`
   */
  clientAddress?: ((socket: Socket) => string) | undefined;
  /**
   * The maximum number of sockets of a user at the same time, on all instances together. A client has one socket in
   * each namespace that it connects to. Presence counts them in Redis; while Redis is down each instance counts its
   * own.
   * @default undefined
   */
  maxSocketsPerUser?: number | undefined;
  /**
   * What happens when a user with `maxSocketsPerUser` sockets connects another one. `'disconnect-oldest'`: the
   * oldest socket gets `propagator:disconnect` with the reason `auth.too-many-sockets` and is disconnected.
   * `'reject-new'`: the new socket is refused with that code. After a crash, or on a lost network, sockets that no
   * longer exist count for some time, and `'reject-new'` keeps their user out until then.
   * @default 'disconnect-oldest'
   */
  onTooManySockets?: 'reject-new' | 'disconnect-oldest' | undefined;
  /**
   * How long after `revokeUser` and `revokeSession` connections of that user or session are refused, in ms. Tokens
   * whose claim `iat` says that they were issued later are accepted. 0: only connections in progress at that moment
   * are refused.
   * @default 5000
   */
  revocationMs?: number | undefined;
  /**
   * The maximum size of a session's metadata from a client or the app, in bytes of JSON.
   * @default 1024
   */
  maxMetadataBytes?: number | undefined;
}
