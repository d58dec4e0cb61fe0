import { checkedSessionId, checkedUserId } from '../cluster/checked-targets.js';
import { isReservedRoom, sessionRoom } from '../cluster/reserved-rooms.js';
import { roomName } from '../cluster/room-names.js';
import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import { RESERVED_EVENTS } from '../wire/reserved-events.js';

/** @throws PropagatorError `event.invalid-name`, `event.reserved-name` */
export function checkEventName(event: unknown): asserts event is string {
  if (typeof event !== 'string' || event === '') {
    throw PropagatorError.of('event.invalid-name', [shown(event)]);
  }
  if (RESERVED_EVENTS.has(event)) throw PropagatorError.of('event.reserved-name', [event]);
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
export function checkedPublish(given: unknown): 'queued' | 'fail-fast' {
  if (given === undefined || given === 'queued') return 'queued';
  if (given === 'fail-fast') return given;
  throw PropagatorError.of('target.invalid', [
    'publish',
    shown(given),
    "Pass 'queued' or 'fail-fast', or leave it out.",
  ]);
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

interface Excepted {
  readonly exceptSocketId?: unknown;
  readonly exceptSessionId?: unknown;
}

/** The rooms of the sockets that are left out. @throws PropagatorError `target.invalid` */
export function exceptedRooms({ exceptSocketId, exceptSessionId }: Excepted): string[] {
  const rooms = exceptSocketId === undefined ? [] : [checkedSocketId(exceptSocketId)];
  if (exceptSessionId !== undefined) {
    rooms.push(sessionRoom(checkedSessionId('exceptSessionId', exceptSessionId)));
  }
  return rooms;
}

/** The room of the one session that is meant, if it is one. @throws PropagatorError `target.invalid` */
export function roomsOfSession(sessionId: unknown): string[] {
  return sessionId === undefined ? [] : [sessionRoom(checkedSessionId('sessionId', sessionId))];
}

function checkedSocketId(given: unknown): string {
  if (typeof given === 'string' && given !== '') return given;
  throw PropagatorError.of('target.invalid', [
    'exceptSocketId',
    shown(given),
    'Pass the id of a socket.',
  ]);
}
