import { randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io';
import { isMap } from '../kinds.js';
import type { Identity } from '../options/auth-options.js';
import type { AuthenticatedSocket } from './authenticated-socket.js';
import { normalisedUserId } from './user-id.js';

/** The id of a session is the name of a room, and travels with events. */
const MAX_CHARACTERS = 256;

interface UserSession {
  readonly userId: string;
  readonly sessionId: string;
}

/**
 * Ids of connections, one for each user: with a shared one, the end of one user's session would end those of the
 * others. Not Engine.IO's id, because a client that knows that id can use the connection by long polling. Most connections
 * have one user, and need no Map.
 */
const sessionIds = new WeakMap<object, UserSession | Map<string, string>>();

/** The session and the user of a recovered socket. */
const continued = new WeakMap<Socket, UserSession>();

/** A session id as a string. Undefined if the value is not a valid id. @internal */
export function normalisedSessionId(given: unknown): string | undefined {
  const sessionId = normalisedUserId(given);
  return sessionId !== undefined && sessionId.length <= MAX_CHARACTERS ? sessionId : undefined;
}

/**
 * The session of a socket: that of the identity (`sessionId`, or else the claim `sid`), or else the current one of
 * the socket, or else that of its connection, which its sockets in other namespaces share. Undefined if the
 * identity contains an invalid id.
 *
 * @internal
 */
export function sessionIdOf(identity: Identity, socket: Socket): string | undefined {
  const given = identity.sessionId ?? identity['sid'];
  if (given !== undefined && given !== null) return normalisedSessionId(given);
  const { auth } = socket as Socket & Partial<Pick<AuthenticatedSocket, 'auth'>>;
  return auth?.sessionId ?? connectionSession(socket, normalisedUserId(identity.userId) ?? '');
}

/** Restores the session of a recovered socket for the same user. @internal */
export function continueSession(socket: Socket, userId: string, sessionId: string): void {
  continued.set(socket, { userId, sessionId });
}

function connectionSession(socket: Socket, userId: string): string {
  const sessions = sessionIds.get(socket.conn);
  const known = isMap(sessions) ? sessions.get(userId) : idFor(sessions, userId);
  if (known !== undefined) return known;
  const sessionId = idFor(continued.get(socket), userId) ?? newId();
  if (isMap(sessions)) sessions.set(userId, sessionId);
  else if (sessions === undefined) sessionIds.set(socket.conn, { userId, sessionId });
  else {
    const first = [sessions.userId, sessions.sessionId] as const;
    sessionIds.set(socket.conn, new Map([first, [userId, sessionId]]));
  }
  return sessionId;
}

function idFor(session: UserSession | undefined, userId: string): string | undefined {
  return session?.userId === userId ? session.sessionId : undefined;
}

/**
 * Node builds a UUID from some twenty strings, all of which would be kept in memory, half a kilobyte. This copy is
 * one string.
 */
function newId(): string {
  return Buffer.from(randomUUID(), 'latin1').toString('latin1');
}
