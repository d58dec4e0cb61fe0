import type { UserId } from '../auth/user-id.js';
import type { Target } from '../wire/channel-names.js';

const RESERVED = 'propagator#';
const USER = `${RESERVED}user:`;
const SESSION = `${RESERVED}session:`;

/** The room of all authenticated sockets of a namespace. Nobody can join or leave it by name. */
export const AUTHENTICATED_ROOM = `${RESERVED}authenticated`;

/** The room of a user's sockets in a namespace. Nobody can join or leave it by name. */
export function userRoom(userId: UserId): string {
  return USER + String(userId);
}

/** The room of a session's sockets in a namespace. @internal */
export function sessionRoom(sessionId: string): string {
  return SESSION + sessionId;
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
 * The target whose channel carries the events of a room, or undefined for rooms without a channel of their own:
 * every socket is alone in the room of its own id, and hardly less so in that of its session; these would double and
 * treble the subscriptions. Events for such a room go over the namespace's channel. The name alone decides, so that
 * senders and receivers agree.
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

/** The rooms on this instance that a target stands for; none: every socket of the namespace. @internal */
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
 * The sockets that a message on a target's channel is for, where it names rooms: those of the target that are in one
 * of them. Who may publish on one channel cannot reach others by it.
 *
 * @internal
 */
export function audienceOf(
  target: Target,
  rooms: readonly string[],
): { readonly rooms: readonly string[]; readonly within?: string | undefined } {
  const own = roomsOfTarget(target);
  return rooms.length === 0 ? { rooms: own } : { rooms, within: own[0] };
}
