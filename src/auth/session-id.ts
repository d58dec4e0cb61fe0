import { randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io';
import type { Identity } from '../options/auth-options.js';
import type { AuthenticatedSocket } from './authenticated-socket.js';
import { normalisedUserId } from './user-id.js';

/** The id of a session is the name of a room, and travels with events. */
const MAX_CHARACTERS = 256;

/**
 * Ids of connections, one for each user: with a shared one, the end of one user's session would end those of the
 * others. Not Engine.IO's id, because a client that knows that id can use the connection by long polling.
 */
const sessionIds = new WeakMap<object, Map<string, string>>();

/** The session and the user of a recovered socket. */
const continued = new WeakMap<Socket, { readonly userId: string; readonly sessionId: string }>();

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
  const ofUsers = sessionIds.get(socket.conn) ?? new Map<string, string>();
  const known = ofUsers.get(userId);
  if (known !== undefined) return known;
  const before = continued.get(socket);
  const sessionId = before?.userId === userId ? before.sessionId : newId();
  sessionIds.set(socket.conn, ofUsers.set(userId, sessionId));
  return sessionId;
}

/**
 * Node builds a UUID from some twenty strings, all of which would be kept in memory, half a kilobyte. This copy is
 * one string.
 */
function newId(): string {
  return Buffer.from(randomUUID(), 'latin1').toString('latin1');
}
