import { isReservedRoom } from '../cluster/reserved-rooms.js';
import { roomName } from '../cluster/room-names.js';
import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import { normalisedUserId } from '../sockets/user-id.js';
import { normalisedNamespace } from '../wire/channels.js';
import { RESERVED_EVENTS } from '../wire/reserved-events.js';

/** @throws PropagatorError `event.invalid-name`, `event.reserved-name` */
export function checkEventName(event: unknown): asserts event is string {
  if (typeof event !== 'string' || event === '') {
    throw PropagatorError.of('event.invalid-name', [shown(event)]);
  }
  if (RESERVED_EVENTS.has(event)) throw PropagatorError.of('event.reserved-name', [event]);
}

/** @throws PropagatorError `target.invalid` */
export function checkedUserId(given: unknown): string {
  const userId = normalisedUserId(given);
  if (userId !== undefined) return userId;
  throw PropagatorError.of('target.invalid', [
    'userId',
    shown(given),
    'Pass a non-empty string or a number.',
  ]);
}

/** @throws PropagatorError `target.invalid` */
export function checkedUserIds(given: unknown): string[] {
  if (typeof given === 'object' && given !== null && Symbol.iterator in given) {
    return [...new Set([...(given as Iterable<unknown>)].map(checkedUserId))];
  }
  throw PropagatorError.of('target.invalid', [
    'userIds',
    shown(given),
    'Pass an array or a Set of user ids; for one user use emitToUser.',
  ]);
}

/** @throws PropagatorError `target.invalid` */
export function checkedRoom(given: unknown): string {
  const room = roomName(given);
  if (room !== undefined && !isReservedRoom(room)) return room;
  throw PropagatorError.of('target.invalid', [
    'room',
    shown(given),
    'Pass a non-empty string. For the reserved rooms use emitToUser and emitToAuthenticated.',
  ]);
}

/** @throws PropagatorError `target.invalid` */
export function checkedRooms(given: unknown): string[] {
  const rooms = (Array.isArray(given) ? given : [given]).map(checkedRoom);
  if (rooms.length > 0) return rooms;
  throw PropagatorError.of('target.invalid', ['rooms', '[]', 'Pass at least one room.']);
}

/** @throws PropagatorError `target.invalid` */
export function checkedTimeout(given: unknown, fallback: number): number {
  if (given === undefined) return fallback;
  if (Number.isInteger(given) && (given as number) > 0) return given as number;
  throw PropagatorError.of('target.invalid', [
    'timeoutMs',
    shown(given),
    'Pass a whole number of milliseconds, such as 5000.',
  ]);
}

/** @throws PropagatorError `target.invalid` */
export function checkedNamespace(given: unknown): string {
  if (given === undefined) return '/';
  if (typeof given === 'string' && given !== '') return normalisedNamespace(given);
  throw PropagatorError.of('target.invalid', [
    'namespace',
    shown(given),
    "Pass a string such as '/chat', or leave it out for '/'.",
  ]);
}

/** @throws PropagatorError `target.invalid` */
export function checkedSocketIds(name: string, given: unknown): readonly string[] {
  if (given === undefined) return [];
  if (typeof given === 'string' && given !== '') return [given];
  throw PropagatorError.of('target.invalid', [name, shown(given), 'Pass the id of a socket.']);
}
