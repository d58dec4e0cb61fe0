import type { Socket } from 'socket.io';

/** Who a socket belongs to, as `authenticate` says. Further claims are kept as they are. */
export interface Identity {
  /** The user. Numbers become strings: `42` and `'42'` are one user. */
  userId: string | number | bigint;
  [claim: string]: unknown;
}

/** The identity as found on `socket.auth`: the user id is a string there. */
export type AuthenticatedIdentity = Readonly<Identity & { userId: string }>;

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
  required?: boolean;
  /**
   * How long `authenticate` may take, in ms, before the client is refused.
   * @default 5000
   */
  timeoutMs?: number;
  /**
   * Also accept the token from the query string, under the name `token`. Off by default, because query
   * strings end up in access logs.
   * @default false
   */
  tokenFromQuery?: boolean;
  /**
   * Finds the token by itself, instead of `handshake.auth.token`, then `Authorization: Bearer`, then the query.
   * @default the three places above
   */
  extractToken?: (socket: Socket) => string | null | undefined;
}
