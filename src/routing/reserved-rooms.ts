import type { UserId } from '../auth/user-id.js';
import type { Target } from '../wire/channel-names.js';

const RESERVED = 'propagator#';
const USER = `${RESERVED}user:`;
const SESSION = `${RESERVED}session:`;

/** The room of all authenticated sockets of a namespace. No socket can join or leave it by name. */
export const AUTHENTICATED_ROOM = `${RESERVED}authenticated`;

/** The room of a user's sockets in a namespace. No socket can join or leave it by name. */
export function userRoom(userId: UserId): string {
  return USER + String(userId);
}

/** The room of a session's sockets in a namespace. @internal */
export function sessionRoom(sessionId: string): string {
  return SESSION + sessionId;
}

/** The rooms of the sockets of an identity. @internal */
export function roomsOfIdentity({
  userId,
  sessionId,
}: {
  readonly userId: UserId;
  readonly sessionId: string;
}): string[] {
  return [userRoom(userId), sessionRoom(sessionId), AUTHENTICATED_ROOM];
}

/** The user among the rooms of a socket. @internal */
export function userIn(rooms: Iterable<string>): string | undefined {
  return idIn(rooms, USER);
}

/** The session among the rooms of a socket. @internal */
export function sessionIn(rooms: Iterable<string>): string | undefined {
  return idIn(rooms, SESSION);
}

function idIn(rooms: Iterable<string>, prefix: string): string | undefined {
  for (const room of rooms) if (room.startsWith(prefix)) return room.slice(prefix.length);
  return undefined;
}

/** @internal */
export function isReservedRoom(room: unknown): boolean {
  return typeof room === 'string' && room.startsWith(RESERVED);
}

/** Socket.IO's own socket ids (`base64id`): 15 random bytes in URL-safe base64. */
const SOCKET_ID = /^[\w-]{20}$/;

/**
 * The target whose channel carries the events of a room. Undefined for the room of a socket's id and for that of a
 * session: they have hardly more than one socket each, and would double and treble the subscriptions. Their events go over
 * the channel of the namespace. The name alone decides, so that senders and receivers agree.
 *
 * @internal
 */
export function targetOfRoom(namespace: string, room: string): Target | undefined {
  if (room === AUTHENTICATED_ROOM) return { kind: 'authenticated', namespace };
  if (room.startsWith(USER)) return { kind: 'user', namespace, id: room.slice(USER.length) };
  return SOCKET_ID.test(room) || room.startsWith(SESSION)
    ? undefined
    : { kind: 'room', namespace, id: room };
}

/** The rooms on this instance that a target stands for; none means all sockets of the namespace. @internal */
export function roomsOfTarget(target: Target): readonly string[] {
  switch (target.kind) {
    case 'all':
      return [];
    case 'authenticated':
      return [AUTHENTICATED_ROOM];
    case 'user':
      return [userRoom(target.id)];
    case 'room':
      return [target.id];
  }
}

/**
 * The audience of a message on a target's channel. Rooms in the message only narrow the target down, so that permission to
 * publish on one channel does not reach other sockets.
 *
 * @param own the rooms of the target
 * @internal
 */
export function audienceOf(
  own: readonly string[],
  rooms: readonly string[],
): { readonly rooms: readonly string[]; readonly within?: string | undefined } {
  return rooms.length === 0 ? { rooms: own } : { rooms, within: own[0] };
}
