import type { Target } from '../wire/channels.js';

const RESERVED = 'propagator#';
const USER = `${RESERVED}user:`;

/** The room of all authenticated sockets of a namespace. Nobody can join or leave it by name. */
export const AUTHENTICATED_ROOM = `${RESERVED}authenticated`;

/** The room of a user's sockets in a namespace. Nobody can join or leave it by name. */
export function userRoom(userId: string | number | bigint): string {
  return USER + String(userId);
}

/** @internal */
export function isReservedRoom(room: unknown): boolean {
  return typeof room === 'string' && room.startsWith(RESERVED);
}

/** Socket.IO's own socket ids (`base64id`): 15 random bytes in URL-safe base64. */
const SOCKET_ID = /^[\w-]{20}$/;

/**
 * The target whose channel carries the events of a room, or undefined for rooms without a channel of their own:
 * every socket is alone in the room of its own id, which would double the subscriptions. Events for such a room
 * go over the namespace's channel. The name alone decides, so that senders and receivers agree.
 *
 * @internal
 */
export function targetOfRoom(namespace: string, room: string): Target | undefined {
  if (room === AUTHENTICATED_ROOM) return { kind: 'authenticated', namespace };
  if (room.startsWith(USER)) return { kind: 'user', namespace, id: room.slice(USER.length) };
  return SOCKET_ID.test(room) ? undefined : { kind: 'room', namespace, id: room };
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
