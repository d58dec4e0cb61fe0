/** The event that a client gets before it is disconnected for a reason, with a {@link DisconnectNotice}. */
export const DISCONNECT_EVENT = 'propagator:disconnect';

/** The reasons for which the library disconnects a client. An app may give reasons of its own. */
export type DisconnectReason =
  /** The token has expired. */
  | 'auth.expired'
  /** The session or the user was revoked. */
  | 'auth.revoked'
  /** A newer socket of the user took the place: `auth.maxSocketsPerUser`. */
  | 'auth.too-many-sockets'
  /** The instance shuts down. */
  | 'server.draining';

/** The data of `propagator:disconnect`. */
export interface DisconnectNotice {
  readonly reason: DisconnectReason | (string & {});
  /** With `server.draining`: after so many milliseconds the client should connect again. */
  readonly reconnectInMs?: number;
}
