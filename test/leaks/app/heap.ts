import { setImmediate as turn } from 'node:timers/promises';
import { getHeapSpaceStatistics, queryObjects } from 'node:v8';
import { Namespace, Socket } from 'socket.io';
import { PendingRequest } from '../../../src/cluster/pending-request.js';
import { RoomChannels } from '../../../src/socket-io/adapter/room-channels.js';

/** One object for each socket, namespace, adapter and request that is held. */
const COUNTED = { Socket, Namespace, RoomChannels, PendingRequest };

/** The number of objects that the garbage collector cannot free, by class. */
export function heldObjects(): Record<string, number> {
  const counts = Object.entries(COUNTED).map(([name, kind]) => [name, queryObjects(kind)] as const);
  return Object.fromEntries(counts) as Record<string, number>;
}

/** The heap after repeated garbage collection, without code, which V8 creates at any time. */
export async function heapBytes(): Promise<number> {
  let least = Infinity;
  for (let bytes = await collected(); bytes < least; bytes = await collected()) least = bytes;
  return least;
}

async function collected(): Promise<number> {
  // Objects that a finalizer releases are garbage one turn later.
  await turn();
  globalThis.gc?.();
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !name.includes('code'))
    .reduce((sum, space) => sum + space.space_used_size, process.memoryUsage().external);
}
