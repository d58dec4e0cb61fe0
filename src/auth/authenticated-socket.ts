import type { DefaultEventsMap, Socket } from 'socket.io';
import type { AuthenticatedIdentity } from '../options/auth-options.js';

/** Told to a client before it is disconnected for a reason: `{ reason: string }`. */
export const DISCONNECT_EVENT = 'propagator:disconnect';

/**
 * A socket behind `SocketStateAdapter`: `auth` is who it belongs to, or `null` for an anonymous socket. The user
 * id is on `socket.data.userId` too, where `fetchSockets()` of other instances finds it.
 */
export type AuthenticatedSocket<Claims extends object = object> = Socket<
  DefaultEventsMap,
  DefaultEventsMap,
  DefaultEventsMap,
  { userId?: string }
> & {
  auth: (AuthenticatedIdentity & Claims) | null;
};

/** Whether an argument can be a socket. @throws what its getters throw @internal */
export function isSocket(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false;
  return typeof (given as Partial<Socket>).id === 'string';
}
