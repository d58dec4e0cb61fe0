import { fit } from './text.js';

/**
 * All errors of this library: code -> message. A message says what happened and what to do about it.
 * `docs/errors.md` lists the same codes, and a test compares the two.
 */
const messages = {
  'option.invalid': (option: string, given: string, remedy: string) =>
    `Option "${option}": got ${given}. ${remedy}`,
  'option.unknown': (option: string, known: string, meant?: string) =>
    `Option "${option}" does not exist. Known options: ${known}.${meant === undefined ? '' : ` Did you mean "${meant}"?`}`,
  'module.missing': () =>
    'SocketStateAdapter found no RedisPropagatorModule in this app. Add RedisPropagatorModule.forRoot() to the imports of your root module.',
  'module.not-configured': () =>
    'RedisPropagatorModule is imported without forRoot() or forRootAsync(). Import RedisPropagatorModule.forRoot() once, in the root module. Feature modules need no import: its providers are global.',
  'module.twice': (count: number) =>
    `RedisPropagatorModule is configured ${count} times in this app, with forRoot() or forRootAsync(), and only one configuration can count. Keep one of them, in the root module; feature modules need no import, because its providers are global. With "isGlobal: false", keep the result of forRoot() in a constant and import that constant.`,
  'adapter.missing': (
    gateways: string,
    adapter: string,
    consequence: string,
    remedy = 'Write app.useWebSocketAdapter(new SocketStateAdapter(app)) before app.init() or app.listen(), and set no other adapter after it. An adapter of your own extends SocketStateAdapter.',
  ) =>
    `The clients of ${gateways} are served by ${adapter} and not by SocketStateAdapter: ${consequence}. ${remedy}`,
  'contract.not-applied': (handler: string, problem: string, remedy: string) =>
    `${handler}: ${problem}. ${remedy}`,
  'app.not-started': () =>
    'The app has not started: no client and no instance can be reached yet. Await app.init() or app.listen() first; within the app do it in onApplicationBootstrap or later.',
  'context.not-ws': (asking: string, type: string) =>
    `${asking} was called in a context of type "${type}", where there is no socket. Use it in gateways only.`,
  'event.invalid-name': (given: string) =>
    `An event name must be a non-empty string of at most 1,024 bytes, got ${given}. Pass { event: 'my-event', data }.`,
  'event.reserved-name': (event: string) =>
    `"${event}" is a reserved event name of Socket.IO. Choose another name.`,
  'event.not-in-contract': (event: string, namespace: string) =>
    `The contract has no event "${event}" of the server in namespace "${namespace}". Add it to defineEvents(), or emit another one.`,
  'event.invalid-data': (event: string, issues: string) =>
    `The data of event "${event}" does not fit the contract: ${issues}. Pass data that its schema accepts, or change the schema.`,
  'event.unserialisable': (event: string, reason: string) =>
    `The data of event "${event}" cannot be serialised (${reason}). Remove cycles, convert BigInt to string, and pass plain data, Buffers or typed arrays.`,
  'event.too-large': (event: string, bytes: number, limit: number) =>
    `Event "${event}" takes ${bytes} bytes, more than maxMessageBytes (${limit}). Send less, or raise the option maxMessageBytes on all instances.`,
  'target.invalid': (target: string, given: string, remedy: string) =>
    `${target}: got ${given}. ${remedy}`,
  'name.too-long': (what: string, given: string, limit: number) =>
    `${what}: ${given} takes more than ${limit} bytes. It would become the name of a channel of Redis: use a shorter one, such as a hash of it, or raise the option limits.nameBytes on all instances.`,
  'session.metadata-invalid': (reason: string) =>
    `Metadata of a session must be a small plain object of JSON data, or null: ${reason}. Store less, or raise the option auth.maxMetadataBytes.`,
  'redis.unavailable': (
    reason: string,
    consequence = 'sockets of this instance were served, other instances were not',
  ) =>
    `Redis is not reachable (${reason}): ${consequence}. Retry when the state is "ready" again, or check the option "redis".`,
  'redis.timeout': (operation: string, ms: number) =>
    `Redis did not answer ${operation} within ${ms} ms. Check the load of Redis and the network, or raise the option that sets this limit.`,
  'redis.no-writes': (reply: string, remedy: string) =>
    `Redis accepts no writes (${reply}): presence is unknown at the moment and was not changed. ${remedy}`,
  'redis.permission': (command: string, reply: string, remedy: string) =>
    `Redis refused ${command} (${reply}). ${remedy}`,
  'redis.database': (database: string, reply: string) =>
    `Redis refused database ${database} (${reply}). Write one that it has in the option "redis", such as redis://localhost:6379/0. Redis has 0 to 15 unless its setting "databases" says otherwise, and a Cluster has 0 only.`,
  'redis.tls': (problem: string, remedy: string) => `Redis ${problem}. ${remedy}`,
  'redis.wrong-server': (kind: string, reply: string, remedy: string) =>
    `The server of the option "redis" is ${kind} (${reply}). ${remedy}`,
  'redis.unsupported-client': (version: string, members: string) =>
    `${version} cannot be used on a Cluster: not as expected: ${members}. Install ioredis 5 or 6, or look for a newer version of nestjs-redis-propagator.`,
  'redis.not-heard': (heard: boolean) =>
    heard
      ? 'This instance receives its own messages, but Redis does not count it as a subscriber: it publishes to one server and is subscribed on another, such as a primary and its replica. Receipts and replies of other instances would be wrong. Connect both to the primary: check the option "redis", and any proxy or load balancer in between.'
      : 'This instance does not receive its own messages: it publishes to one Redis and is subscribed on another. Connect both to the same server, the primary if there are replicas: check the option "redis", and any proxy or load balancer in between.',
  'redis.command-failed': (command: string, reply: string) =>
    `Redis answered ${command} with an error (${reply}). Check that it is Redis 6.2 or newer, on a Cluster 7.0 or newer, and look the error up in its documentation.`,
  'outbox.full': (reason: string) =>
    `The outbox is full and Redis could not take the event (${reason}): sockets of this instance were served, other instances were not. Send less, or raise the option "outbox" (maxEvents, maxBytes).`,
  'outbox.expired': (ms: number, reason: string) =>
    `Redis could not take the event for ${ms} ms (${reason}), and no event waits longer: sockets of this instance were served, other instances were not. Bring Redis back, or check the option "redis".`,
  'redis.closed': () =>
    'This instance is shutting down: its connections to Redis are closed. Emit before onApplicationShutdown.',
  'presence.unavailable': () =>
    'Presence is switched off, or the transport given as "pubSub" is neither Redis nor InMemoryPubSub. Leave out "presence: false", or use the option "redis".',
  'presence.status-invalid': (given: string, limit: number) =>
    `A status must be a non-empty string of at most ${limit} bytes, or null for none, got ${given}. Keep more about a user in your database.`,
  'message.unserialisable': (channel: string, reason: string) =>
    `The value for channel "${channel}" cannot be serialised as JSON (${reason}). Pass JSON data, or bytes (Buffer, Uint8Array).`,
} as const;

type Messages = typeof messages;

/** The code of a {@link PropagatorError}. `docs/errors.md` explains each code. */
export type PropagatorErrorCode = keyof Messages;

/** All codes, for tests and documentation. */
export const PROPAGATOR_ERROR_CODES = Object.freeze(
  Object.keys(messages),
) as readonly PropagatorErrorCode[];

/** Every error that this library throws or rejects with. Distinguish them by {@link code}, never by message. */
export class PropagatorError extends Error {
  override readonly name = 'PropagatorError';

  private constructor(
    /** A stable code, such as `redis.unavailable`. */
    readonly code: PropagatorErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${message} [${code}]`, options);
  }

  /** @internal */
  static of<C extends PropagatorErrorCode>(
    code: C,
    args: Parameters<Messages[C]>,
    cause?: unknown,
  ): PropagatorError {
    // Messages end up in logs, so quoted values must fit into one line.
    const words = args.map((arg) => (typeof arg === 'string' ? fit(arg) : arg)) as Parameters<
      Messages[C]
    >;
    const message = (messages[code] as (...values: Parameters<Messages[C]>) => string)(...words);
    return new PropagatorError(code, message, cause === undefined ? undefined : { cause });
  }
}

/** @internal */
export { reasonOf } from './text.js';

const PASSING: ReadonlySet<PropagatorErrorCode> = new Set([
  'redis.unavailable',
  'redis.timeout',
  'redis.no-writes',
]);

/**
 * Whether the same call may succeed in a moment: Redis was down, did not reply, or currently accepts no writes. @internal
 */
export function isPassing(error: unknown): error is PropagatorError {
  return error instanceof PropagatorError && PASSING.has(error.code);
}
