/** At least 32 characters, or 32 bytes. */
export type Secret = string | Uint8Array;

/** What a client may cost an instance. Connections have limits of their own, see `AuthOptions`. */
export interface ClientLimits {
  /**
   * How many events a second a client may send to an instance: a user with all sockets together, an anonymous client
   * with each connection. Further ones are refused (`client.too-many-events`).
   * @default undefined
   */
  eventsPerSecond?: number | undefined;
  /**
   * How many of them may come at once.
   * @default twice eventsPerSecond
   */
  eventBurst?: number | undefined;
  /**
   * After so many refused events, namespaces and new tokens (`auth:refresh`), the connection is closed. One of them is forgiven each
   * second.
   * @default 100
   */
  refusals?: number | undefined;
  /**
   * In how many rooms a socket may be, without those that are made for it.
   * @default 1000
   */
  roomsPerSocket?: number | undefined;
  /**
   * How long names may be that become channels of Redis, in bytes of UTF-8: rooms, user ids, and namespaces that clients ask
   * for. The same on all instances. Verbs reject longer ones (`name.too-long`); sockets are kept out of such rooms, and clients
   * with such a user id or namespace are refused.
   * @default 256
   */
  nameBytes?: number | undefined;
}

/**
 * What other instances see of a socket's handshake (`fetchSockets`, `fetchUserSockets`), beside its time, address, path and the
 * headers that describe a client. Values that a token was taken from are left out in any case.
 */
export interface SharedHandshake {
  /**
   * Names in `handshake.auth`.
   * @default []
   */
  auth?: readonly string[] | undefined;
  /**
   * Names in `handshake.query`.
   * @default []
   */
  query?: readonly string[] | undefined;
  /**
   * Further headers. `authorization`, `proxy-authorization`, `cookie` and `set-cookie` are refused (`option.invalid`).
   * @default []
   */
  headers?: readonly string[] | undefined;
}
