/** At least 32 characters, or 32 bytes. */
export type Secret = string | Uint8Array;

/** Limits what a client may cost an instance. Connections have limits of their own, see `AuthOptions`. */
export interface ClientLimits {
  /**
   * How many events a second a client may send to an instance: a user with all sockets together, an anonymous
   * client with each connection. Further events are refused (`client.too-many-events`).
   * @default undefined
   */
  eventsPerSecond?: number | undefined;
  /**
   * How many events may come at once.
   * @default twice eventsPerSecond
   */
  eventBurst?: number | undefined;
  /**
   * After this many refused events, namespaces and new tokens (`auth:refresh`) the connection is closed. One
   * refusal is forgiven each second.
   * @default 100
   */
  refusals?: number | undefined;
  /**
   * In how many rooms a socket may be, without the rooms that the library or Socket.IO make for it.
   * @default 1000
   */
  roomsPerSocket?: number | undefined;
  /**
   * The maximum length of names that become channels of Redis, in bytes of UTF-8: rooms, user ids, and namespaces
   * that clients request. It must be the same on all instances. Verbs reject longer names (`name.too-long`);
   * sockets do not enter such rooms, and clients with such a user id or namespace are refused.
   * @default 256
   */
  nameBytes?: number | undefined;
}

/**
 * The parts of a socket's handshake that other instances see (`fetchSockets`, `fetchUserSockets`), in addition to
 * its time, address, path and the headers that describe a client. Values from which a token was read are always
 * left out.
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
   * Further headers. `authorization`, `proxy-authorization`, `cookie` and `set-cookie` are refused
   * (`option.invalid`).
   * @default []
   */
  headers?: readonly string[] | undefined;
}
