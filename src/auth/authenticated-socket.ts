import type { DefaultEventsMap, Socket } from 'socket.io';
import type { EveryClientToServer, EveryServerToClient } from '../contract/event-types.js';
import type { AppClaims, AppContract, AppSocketData } from '../contract/propagator-types.js';
import type { AuthenticatedIdentity } from '../options/auth-options.js';

/** Events by name, as Socket.IO's own type of that name, which it does not export. */
// oxlint-disable-next-line typescript/no-explicit-any
type EventsMap = { [event: string]: any };

/**
 * A socket behind `SocketStateAdapter`. `auth` is the identity of its user, or `null` for an anonymous socket. The
 * user id is also in `socket.data.userId`, where `fetchSockets()` of other instances finds it.
 *
 * @typeParam Claims the claims of the token; by default those of `PropagatorTypes`
 * @typeParam Listen the events that clients emit, as a map of Socket.IO
 * @typeParam Emit the events that the server emits, as a map of Socket.IO
 * @typeParam Data the type of `socket.data`
 */
export type AuthenticatedSocket<
  Claims extends object = AppClaims,
  Listen extends EventsMap = EveryClientToServer<AppContract>,
  Emit extends EventsMap = EveryServerToClient<AppContract>,
  Data extends object = AppSocketData,
> = Socket<Listen, Emit, DefaultEventsMap, Data & { userId?: string }> & {
  auth: (AuthenticatedIdentity & Claims) | null;
};

/** Tells whether an argument can be a socket. @throws errors of its getters @internal */
export function isSocket(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false;
  return typeof (given as Partial<Socket>).id === 'string';
}
