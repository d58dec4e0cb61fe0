/** The state of a socket. */
export type ConnectionState =
  /** Not connected, and not trying to be: before `connect()`, and after `disconnect()`. */
  | 'closed'
  | 'connecting'
  | 'connected'
  /** Not connected; the next attempt comes by itself. */
  | 'waiting'
  /** Refused or disconnected for a reason that another attempt would not change: `connect()` tries again. */
  | 'refused';

/** The state of a socket's connection, to be shown to users. */
export interface ConnectionStatus {
  readonly state: ConnectionState;
  /**
   * Why the socket is not connected: the code of the server, such as `server.draining` or `auth.token-rejected`, or the
   * reason of Socket.IO, such as `transport close`.
   */
  readonly reason?: string | undefined;
  /** With `waiting`: the pause before the next attempt, from the moment of this status. Undefined while a token is asked for. */
  readonly retryInMs?: number | undefined;
  /** The failed attempts since the socket was connected the last time. */
  readonly failures: number;
}

/** The reaction to a refusal, or to a disconnect by the server. @internal */
export type Remedy = 'new-token' | 'retry' | 'none';

/** @internal */
export function remedyFor(code: string | undefined): Remedy {
  if (code === undefined || code === 'auth.too-many-sockets') return 'none';
  if (/^auth\.(expired|revoked|token-)/.test(code)) return 'new-token';
  return /^(auth|client|connection|server)\./.test(code) ? 'retry' : 'none';
}
