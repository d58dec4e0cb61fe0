import { Command, Redis } from 'ioredis';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
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
  return [...faults, ...commandFaults(client)];
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

/** Receives the outcome of a publish. The functions need no `this`: code that traces ioredis calls them without. @internal */
export interface PublishOutcome {
  /** Settles with the outcome. */
  readonly promise: Promise<number>;
  readonly resolve: (receivers: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A `PUBLISH` for `Redis.sendCommand`. A `Command` of ioredis makes a promise and four closures of its own, and measures and
 * joins the texts of any command: a third of the CPU time of a publish.
 */
class PublishCommand {
  readonly name = 'publish';
  readonly args: readonly [channel: string, message: Buffer];
  readonly promise: Promise<number>;
  readonly resolve: (receivers: number) => void;
  readonly reject: (error: unknown) => void;
  readonly inTransaction = false;
  isTraced = false;
  protocol = 2;
  replyMapping = 'legacy';

  constructor(channel: string, message: Buffer, { promise, resolve, reject }: PublishOutcome) {
    this.args = [channel, message];
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** ioredis writes the result to the connection, and may call it again for another connection. */
  toWritable(connection?: Writable): Buffer {
    const [channel, message] = this.args;
    const channelBytes = Buffer.byteLength(channel);
    const head = `*3\r\n$7\r\npublish\r\n$${channelBytes}\r\n${channel}\r\n$${message.length}\r\n`;
    if (message.length >= MIN_UNCOPIED && connection?.writableCorked) {
      connection.write(head);
      connection.write(message);
      return END;
    }
    const start = head.length - channel.length + channelBytes;
    const end = start + message.length;
    const bytes = Buffer.allocUnsafe(end + 2);
    bytes.write(head);
    bytes.set(message, start);
    bytes[end] = CR;
    bytes[end + 1] = LF;
    return bytes;
  }
}
// Whatever else ioredis calls is as in its own commands.
Object.setPrototypeOf(PublishCommand.prototype, Command.prototype);

const CR = 13;
const LF = 10;
const END = Buffer.of(CR, LF);
/** Messages of this length are written as they are, between two short pieces, in one system call. They must not change. */
const MIN_UNCOPIED = 16 * 1_024;

/** The members of a command in ioredis 5 and 6. {@link PublishCommand} may lack what another one is for. */
const COMMAND_MEMBERS: ReadonlySet<string> = new Set(
  (
    'name args callback errorStack replyEncoding bufferMode transformed inTransaction isTraced isResolved isSettled ' +
    'protocol replyMapping promise resolve reject constructor initPromise setReplyContext getSlot getKeys _iterateKeys ' +
    'stringifyArguments toWritable _convertValue transformReply setTimeout setBlockingTimeout extractBlockingTimeout ' +
    '_clearTimers'
  ).split(' '),
);

/** Members of the commands of a client that are not as expected. */
function commandFaults(client: RedisClient): string[] {
  if (!(client instanceof Redis)) return [];
  const command = new Command('publish', ['', Buffer.alloc(0)]);
  return [...Object.keys(command), ...Object.getOwnPropertyNames(Command.prototype)]
    .filter((member) => !COMMAND_MEMBERS.has(member))
    .map((member) => `Command.${member}`);
}

/** Whether nothing about a client concerns its commands one by one: neither an option, nor another copy of ioredis. */
function hasPlainCommands(client: RedisClient): client is Redis {
  if (!(client instanceof Redis) || commandFaults(client).length > 0) return false;
  const { commandTimeout, showFriendlyErrorStack, enableAutoPipelining } = client.options;
  return commandTimeout === undefined && !showFriendlyErrorStack && !enableAutoPipelining;
}

/** Only compared. */
// oxlint-disable-next-line typescript/unbound-method
const { publish: plainPublish } = Redis.prototype;

/** A function that publishes like `client.publish()`, at a lower cost where the client is known well enough. @internal */
export function publishOn(
  client: RedisClient,
): (channel: string, message: Buffer, outcome: PublishOutcome) => void {
  const plain = hasPlainCommands(client) ? client : undefined;
  return (channel, message, outcome) => {
    // The app may wrap the function at any time.
    if (plain?.publish === plainPublish) {
      plain.sendCommand(new PublishCommand(channel, message, outcome) as unknown as Command);
    } else {
      client.publish(channel, message).then(outcome.resolve, outcome.reject);
    }
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
