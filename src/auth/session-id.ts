import { randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io';
import type { Identity } from '../options/auth-options.js';
import type { AuthenticatedSocket } from './authenticated-socket.js';
import { normalisedUserId } from './user-id.js';

/** A session's id is a room of its sockets, and travels with events. */
const MAX_CHARACTERS = 256;

/**
 * Of connections, one for each user of it: with one for all, the end of one user's session would be that of the others.
 * Not Engine.IO's id: a client that knows that one can take part in a connection with long polling.
 */
const sessionIds = new WeakMap<object, Map<string, string>>();

/** Whose session a socket continues that was lost for a while. */
const continued = new WeakMap<Socket, { readonly userId: string; readonly sessionId: string }>();

/** A session id as a string. Undefined where the value is no id. @internal */
export function normalisedSessionId(given: unknown): string | undefined {
  const sessionId = normalisedUserId(given);
  return sessionId !== undefined && sessionId.length <= MAX_CHARACTERS ? sessionId : undefined;
}

/**
 * The session that a socket belongs to: what the identity says (`sessionId`, else the claim `sid`), else the one that
 * the socket has, else that of its connection, which its sockets in other namespaces share. Undefined where the
 * identity says something that is no id.
 *
 * @internal
 */
export function sessionIdOf(identity: Identity, socket: Socket): string | undefined {
  const given = identity.sessionId ?? identity['sid'];
  if (given !== undefined && given !== null) return normalisedSessionId(given);
  const { auth } = socket as Socket & Partial<Pick<AuthenticatedSocket, 'auth'>>;
  return auth?.sessionId ?? connectionSession(socket, normalisedUserId(identity.userId) ?? '');
}

/** A socket is back that was lost: as this user it is in the session that it was in. @internal */
export function continueSession(socket: Socket, userId: string, sessionId: string): void {
  continued.set(socket, { userId, sessionId });
}

function connectionSession(socket: Socket, userId: string): string {
  const ofUsers = sessionIds.get(socket.conn) ?? new Map<string, string>();
  const known = ofUsers.get(userId);
  if (known !== undefined) return known;
  const before = continued.get(socket);
  const sessionId = before?.userId === userId ? before.sessionId : newId();
  sessionIds.set(socket.conn, ofUsers.set(userId, sessionId));
  return sessionId;
}

/** Node puts a UUID together of some twenty strings, all of which it would keep, half a kilobyte: this is one. */
function newId(): string {
  return Buffer.from(randomUUID(), 'latin1').toString('latin1');
}
