import type { BroadcastOptions } from 'socket.io-adapter';
import { isIllFormed } from '../sockets/user-id.js';

/**
 * A room as a string, so that all instances mean the same one: numbers become strings. Undefined for what can be
 * no name (objects, null, an empty string, half a character), as it may come from a client.
 *
 * @internal
 */
export function roomName(room: unknown): string | undefined {
  if (typeof room === 'string') return room === '' || isIllFormed(room) ? undefined : room;
  return typeof room === 'number' || typeof room === 'bigint' ? String(room) : undefined;
}

/** @internal */
export function roomNames(rooms: Iterable<unknown> | undefined): string[] {
  const names: string[] = [];
  for (const room of rooms ?? []) {
    const name = roomName(room);
    if (name !== undefined) names.push(name);
  }
  return names;
}

/** The same options with rooms as strings; undefined where rooms were asked for and none of them can exist. */
export function normalised(options: BroadcastOptions): Required<BroadcastOptions> | undefined {
  const rooms = roomNames(options.rooms);
  if (rooms.length === 0 && options.rooms.size > 0) return undefined;
  return {
    rooms: new Set(rooms),
    except: new Set(roomNames(options.except)),
    flags: options.flags ?? {},
  };
}
