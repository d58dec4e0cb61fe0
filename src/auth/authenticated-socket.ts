import type { DefaultEventsMap, Socket } from 'socket.io';
import type { AuthenticatedIdentity } from '../options/auth-options.js';

/** The event that a client gets before it is disconnected for a reason: `{ reason: string }`. */
export const DISCONNECT_EVENT = 'propagator:disconnect';

/**
 * A socket behind `SocketStateAdapter`. `auth` is the identity of its user, or `null` for an anonymous socket. The
 * user id is also in `socket.data.userId`, where `fetchSockets()` of other instances finds it.
 */
export type AuthenticatedSocket<Claims extends object = object> = Socket<
  DefaultEventsMap,
  DefaultEventsMap,
  DefaultEventsMap,
  { userId?: string }
> & {
  auth: (AuthenticatedIdentity & Claims) | null;
};

/** Tells whether an argument can be a socket. @throws errors of its getters @internal */
export function isSocket(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false;
  return typeof (given as Partial<Socket>).id === 'string';
}
