import type { Socket } from 'node:net';
import { isClusterClient as hasNodes } from '../options/borrowed-clients.js';
import type { RedisClient } from '../options/redis-options.js';

/**
 * Every member of ioredis, in versions 5 and 6, that this library uses and that ioredis does not document. No other
 * file names one. {@link clientFaults} and {@link clusterFaults} find those that are not as expected; the functions
 * here then return undefined or do nothing, and their callers take the public path.
 */

interface PrivateClient {
  readonly stream?: Socket | null;
  readonly condition?: {
    /** The subscriptions known to ioredis; false while there are none. */
    readonly subscriber?: false | { channels?(kind: SubscriptionKind): string[] };
  } | null;
  sendCommand?: SendCommand;
}

type SubscriptionKind = 'subscribe' | 'psubscribe' | 'ssubscribe';

/** A command, as `sendCommand` gets it. @internal */
export interface ClientCommand {
  readonly name: unknown;
  args: unknown[];
  readonly promise: Promise<unknown>;
  resolve(answer: unknown): void;
}

type SendCommand = (this: unknown, command: ClientCommand, ...rest: unknown[]) => unknown;

/** A connection to one node of a Cluster. @internal */
export interface NodeClient extends RedisClient {
  readonly options: { readonly host?: string; readonly port?: number };
  duplicate(overrides: object): NodeClient;
  ping(): Promise<unknown>;
}

/** @internal */
export interface ClusterClient extends RedisClient {
  nodes(role: 'master'): NodeClient[];
}

/** The nodes of each slot (`host:port`), its master first. @internal */
export type Slots = readonly (readonly string[] | undefined)[];

interface PrivateCluster {
  readonly slots?: Slots;
  readonly startupNodes?: readonly StartupNode[];
  readonly refreshSlotsCache?: (
    this: ClusterClient,
    callback: (error?: Error | null) => void,
  ) => void;
}

/** A node of a Cluster as the app gave it. @internal */
export type StartupNode =
  { readonly host?: string; readonly port?: number | string } | string | number;

/** The event of a Cluster client after it has read the slots. @internal */
export const SLOTS_READ = 'refresh';
/** The event of a connection whose sharded channels a Cluster node has dropped. @internal */
export const CHANNELS_DROPPED = 'moved';

/** @internal */
export function isClusterClient(client: RedisClient): client is ClusterClient {
  return hasNodes(client);
}

/** Members of an open connection that are not as expected. @internal */
export function clientFaults(client: RedisClient): string[] {
  const faults: string[] = [];
  const stream = streamOf(client);
  if (typeof stream?.bytesRead !== 'number') faults.push('Redis.stream.bytesRead');
  if (typeof stream?.cork !== 'function') faults.push('Redis.stream.cork');
  if (channelsOf(client, 'subscribe') === undefined) faults.push('Redis.condition.subscriber');
  if (typeof privateOf(client).sendCommand !== 'function') faults.push('Redis.sendCommand');
  return faults;
}

/** Members of a Cluster client that are not as expected, and whether it cannot be used without one of them. @internal */
export function clusterFaults(cluster: ClusterClient): {
  readonly faults: string[];
  readonly unusable: boolean;
} {
  const { slots, refreshSlotsCache } = privateClusterOf(cluster);
  const unusable = !Array.isArray(slots);
  const faults = unusable ? ['Cluster.slots'] : [];
  if (typeof refreshSlotsCache !== 'function') faults.push('Cluster.refreshSlotsCache');
  if (startupNodesOf(cluster) === undefined) faults.push('Cluster.startupNodes');
  return { faults, unusable };
}

/** The socket of a connection. @internal */
export function streamOf(client: object): Socket | undefined {
  const { stream } = client as PrivateClient;
  return typeof stream === 'object' && stream !== null ? stream : undefined;
}

/** The channels that ioredis knows as subscribed. @internal */
export function channelsOf(client: object, kind: SubscriptionKind): string[] | undefined {
  const subscriber = privateOf(client).condition?.subscriber;
  if (subscriber === false) return [];
  return typeof subscriber?.channels === 'function' ? subscriber.channels(kind) : undefined;
}

/**
 * Passes all commands of a client, also those of the app, through a function.
 *
 * @returns a function that restores the client
 * @internal
 */
export function interceptCommands(
  client: RedisClient,
  intercept: (command: ClientCommand, send: () => unknown) => unknown,
): () => void {
  const target = privateOf(client);
  const own = Object.getOwnPropertyDescriptor(target, 'sendCommand');
  const { sendCommand } = target;
  if (typeof sendCommand !== 'function') return () => {};
  const replaced: SendCommand = function (this: unknown, command, ...rest) {
    return intercept(command, () => sendCommand.call(this, command, ...rest));
  };
  target.sendCommand = replaced;
  return () => {
    // Not if other code has wrapped it since.
    if (target.sendCommand !== replaced) return;
    if (own === undefined) delete target.sendCommand;
    else Object.defineProperty(target, 'sendCommand', own);
  };
}

/** The nodes that the app gave to a Cluster client. @internal */
export function startupNodesOf(cluster: RedisClient): readonly StartupNode[] | undefined {
  const { startupNodes } = privateClusterOf(cluster);
  return Array.isArray(startupNodes) ? startupNodes : undefined;
}

/** @internal */
export function slotsOf(cluster: ClusterClient): Slots {
  return privateClusterOf(cluster).slots ?? [];
}

/** Reads the slots from Redis now; without it ioredis does so from time to time. @internal */
export function refreshSlots(cluster: ClusterClient, done: (error?: Error | null) => void): void {
  const { refreshSlotsCache } = privateClusterOf(cluster);
  if (typeof refreshSlotsCache === 'function') refreshSlotsCache.call(cluster, done);
  else done();
}

/** The command that Redis refused with this error. @internal */
export function refusedCommand(error: unknown): {
  readonly name?: unknown;
  readonly args?: readonly unknown[];
} {
  const { command } = (error ?? {}) as { command?: object };
  return command ?? {};
}

/** A Cluster only says that all nodes failed, and keeps the error of the last one. @internal */
export function lastNodeErrorOf(error: unknown): unknown {
  return ((error ?? {}) as { lastNodeError?: unknown }).lastNodeError;
}

function privateOf(client: object): PrivateClient {
  return client;
}

function privateClusterOf(cluster: object): PrivateCluster {
  return cluster;
}
