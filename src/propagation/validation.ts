import { checkedObject, checkedSessionId } from '../routing/target-validation.js';
import { isReservedRoom, sessionRoom } from '../routing/reserved-rooms.js';
import { roomName } from '../routing/room-names.js';
import type { PublishMode } from '../routing/outgoing-event.js';
import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import { listed } from '../reporting/unawaited.js';
import { isLonger } from '../wire/channel-names.js';
import { latestKeyOf } from '../wire/latest-key.js';
import { RESERVED_EVENTS } from '../wire/reserved-events.js';

/** In UTF-8. The name of an event appears in losses, spans and log lines. */
const MAX_EVENT_NAME_BYTES = 1_024;
const MAX_LATEST_KEY_BYTES = 256;

/** @throws PropagatorError `event.invalid-name`, `event.reserved-name` */
export function checkEventName(event: unknown): asserts event is string {
  if (typeof event !== 'string' || event === '' || isLonger(event, MAX_EVENT_NAME_BYTES)) {
    throw PropagatorError.of('event.invalid-name', [shown(event)]);
  }
  if (RESERVED_EVENTS.has(event)) throw PropagatorError.of('event.reserved-name', [event]);
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
  const rooms = Array.isArray(given) ? listed('rooms', given, checkedRoom) : [checkedRoom(given)];
  if (rooms.length > 0) return rooms;
  throw PropagatorError.of('target.invalid', ['rooms', '[]', 'Pass at least one room.']);
}

/** @throws PropagatorError `target.invalid` */
export function checkedPublish(given: unknown): PublishMode {
  if (given === undefined) return 'queued';
  if (given === 'queued' || given === 'wait' || given === 'fail-fast') return given;
  throw PropagatorError.of('target.invalid', [
    'publish',
    shown(given),
    "Pass 'queued', 'wait' or 'fail-fast', or leave it out.",
  ]);
}

/** @throws PropagatorError `target.invalid` */
export function checkedFlag(name: string, given: unknown, fallback: boolean): boolean {
  if (given === undefined) return fallback;
  if (typeof given === 'boolean') return given;
  throw PropagatorError.of('target.invalid', [name, shown(given), 'Pass true or false.']);
}

/** The key of `latestOnly` on the wire. @throws PropagatorError `target.invalid` */
export function checkedLatestKey(event: string, given: unknown, volatile: boolean) {
  if (given === undefined) return undefined;
  if (typeof given !== 'string' || given === '' || isLonger(given, MAX_LATEST_KEY_BYTES)) {
    throw PropagatorError.of('target.invalid', [
      'latestOnly',
      shown(given),
      'Pass a non-empty string of at most 256 bytes, such as the symbol of a share.',
    ]);
  }
  if (!volatile) return latestKeyOf(event, given);
  throw PropagatorError.of('target.invalid', [
    'latestOnly',
    `${shown(given)} for a volatile event`,
    'A volatile event does not wait for a client. Leave one of the two out, or pass "volatile: false" if the contract makes the event volatile.',
  ]);
}

/** @throws PropagatorError `target.invalid` */
export function refuseLatestOnly(given: unknown): void {
  if (given === undefined) return;
  throw PropagatorError.of('target.invalid', [
    'latestOnly',
    `${shown(given)} for an event that asks for an acknowledgement`,
    'A replaced event could not be acknowledged. Leave "latestOnly" out, or emit the event without asking.',
  ]);
}

/** @throws PropagatorError `target.invalid` */
export function checkedEvent<T extends object>(given: T): T {
  return checkedObject('event', given, "Pass an object such as { event: 'my-event', data }.");
}

/** The name of an event and its arguments. @throws PropagatorError `target.invalid` */
export function packetData(name: string, data: unknown, args: unknown): unknown[] {
  if (args === undefined) return data === undefined ? [name] : [name, data];
  if (data === undefined && Array.isArray(args)) return [name, ...(args as unknown[])];
  throw PropagatorError.of('target.invalid', [
    'args',
    data === undefined ? shown(args) : 'both "data" and "args"',
    'Pass the one argument of the event as "data", or several as a list "args".',
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

const NONE: readonly string[] = Object.freeze([]);

/** The rooms of sockets that do not get the event. @throws PropagatorError `target.invalid` */
export function exceptedRooms({ exceptSocketId, exceptSessionId }: Excepted): readonly string[] {
  if (exceptSocketId === undefined && exceptSessionId === undefined) return NONE;
  const rooms = exceptSocketId === undefined ? [] : [checkedSocketId(exceptSocketId)];
  if (exceptSessionId !== undefined) {
    rooms.push(sessionRoom(checkedSessionId('exceptSessionId', exceptSessionId)));
  }
  return rooms;
}

/** The room of a session, if one is given. @throws PropagatorError `target.invalid` */
export function roomsOfSession(sessionId: unknown): readonly string[] {
  return sessionId === undefined ? NONE : [sessionRoom(checkedSessionId('sessionId', sessionId))];
}

function checkedSocketId(given: unknown): string {
  if (typeof given === 'string' && given !== '') return given;
  throw PropagatorError.of('target.invalid', [
    'exceptSocketId',
    shown(given),
    'Pass the id of a socket.',
  ]);
}
