import { setImmediate as turn } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { Namespace, Socket } from 'socket.io';
import { EventRouter } from '../../../src/cluster/event-router.js';
import { PendingRequest } from '../../../src/cluster/pending-request.js';
import { RoomChannels } from '../../../src/cluster/room-channels.js';
import { WirePacket } from '../../../src/wire/wire-packet.js';

/** Of each of these there are as many as there are sockets, namespaces, questions or packets that somebody holds. */
const COUNTED = { Socket, Namespace, RoomChannels, PendingRequest, WirePacket, EventRouter };

export interface Heap {
  readonly bytes: number;
  /** How many of these the garbage collector cannot take. */
  readonly objects: Record<string, number>;
}

/** What is left once the garbage collector finds nothing more to take. */
export async function heapNow(): Promise<Heap> {
  let bytes = Infinity;
  for (let now = await collected(); now < bytes; now = await collected()) bytes = now;
  const objects = Object.entries(COUNTED).map(([name, made]) => [name, queryObjects(made)] as const);
  return { bytes, objects: Object.fromEntries(objects) as Record<string, number> };
}

async function collected(): Promise<number> {
  // What a finalizer lets go of is garbage one turn later.
  await turn();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
