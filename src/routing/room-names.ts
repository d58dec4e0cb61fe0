import type { BroadcastOptions } from 'socket.io-adapter';
import { shown } from '../options/checks.js';
import type { Reporter } from '../reporting/reporter.js';
import { digitsOf, isIllFormed } from '../auth/user-id.js';

/**
 * The name of a room as a string, so that all instances mean the same room: numbers become strings. Undefined for a value
 * that cannot be a name (an object, null, an empty string, half a character): it may come from a client.
 *
 * @internal
 */
export function roomName(room: unknown): string | undefined {
  if (typeof room === 'string') return room === '' || isIllFormed(room) ? undefined : room;
  if (typeof room === 'bigint') return digitsOf(room);
  return typeof room === 'number' ? String(room) : undefined;
}

/** The names of rooms, without values that cannot be names. @internal */
export function roomNames(
  rooms: Iterable<unknown> | undefined,
  onInvalid?: (room: unknown) => void,
): string[] {
  const names: string[] = [];
  for (const room of rooms ?? []) {
    const name = roomName(room);
    if (name === undefined) onInvalid?.(room);
    else names.push(name);
  }
  return names;
}

/** Reports a value that cannot be the name of a room. */
export function invalidRoom(
  reporter: Reporter,
  room: unknown,
  what = () => 'an event or a command was for',
): void {
  reporter.report('room.invalid', () => `${what()} ${shown(room)}`);
}

/** The same options with rooms as strings; undefined if they name rooms, and none of these can exist. */
export function normaliseOptions(
  options: BroadcastOptions,
  onInvalid?: (room: unknown) => void,
): Required<BroadcastOptions> | undefined {
  const rooms = roomNames(options.rooms, onInvalid);
  if (rooms.length === 0 && options.rooms.size > 0) return undefined;
  return {
    rooms: new Set(rooms),
    except: new Set(roomNames(options.except, onInvalid)),
    flags: options.flags ?? {},
  };
}
