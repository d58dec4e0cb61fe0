import { setImmediate as turn } from 'node:timers/promises';
import { getHeapSpaceStatistics, queryObjects } from 'node:v8';
import { Namespace, Socket } from 'socket.io';
import { PendingRequest } from '../../../src/cluster/pending-request.js';
import { RoomChannels } from '../../../src/cluster/room-channels.js';

/** Of these there are as many as somebody holds sockets, namespaces, their adapters, and questions. */
const COUNTED = { Socket, Namespace, RoomChannels, PendingRequest };

/** How many objects the garbage collector cannot take, by kind. */
export function heldObjects(): Record<string, number> {
  const counts = Object.entries(COUNTED).map(([name, kind]) => [name, queryObjects(kind)] as const);
  return Object.fromEntries(counts) as Record<string, number>;
}

/** What is left once the garbage collector finds nothing more to take, without code, which V8 makes as it goes. */
export async function heapBytes(): Promise<number> {
  let least = Infinity;
  for (let bytes = await collected(); bytes < least; bytes = await collected()) least = bytes;
  return least;
}

async function collected(): Promise<number> {
  // What a finalizer lets go of is garbage one turn later.
  await turn();
  globalThis.gc?.();
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !name.includes('code'))
    .reduce((sum, space) => sum + space.space_used_size, process.memoryUsage().external);
}
