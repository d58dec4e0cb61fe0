import type { EventContract } from '../contract/define-events.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { AuthOptions } from './auth-options.js';
import type { OutboxOptions, RecoveryOptions, RepairOptions } from './delivery-options.js';
import type { OverloadOptions, ShutdownOptions, SlowClientOptions } from './load-options.js';
import type { ClientLimits, Secret, SharedHandshake } from './security-options.js';
import type { PresenceOptions } from './presence-options.js';
import type { PropagatorLogger } from '../ports/logger.js';
import type { PacketParser } from '../ports/packet-parser.js';
import type { RedisConnection } from './redis-options.js';

/** The options of `RedisPropagatorModule.forRoot`. All are optional. */
export interface RedisPropagatorOptions {
  /**
   * The connection to Redis: a URL, ioredis options, Sentinel options, `{ nodes }` of a Cluster, or borrowed
   * clients `{ publisher, subscriber, control? }`.
   * @default 'redis://localhost:6379'
   */
  redis?: RedisConnection | undefined;
  /**
   * A transport to use instead of Redis, such as `new InMemoryPubSub()`. The library uses it and does not close it.
   * @default Redis
   */
  pubSub?: PubSub | undefined;
  /**
   * The first part of every channel name. Give each app and each environment that share a Redis its own: selecting
   * a database (`SELECT`) does not separate Pub/Sub. Letters, digits, `.`, `_` and `-`, parts joined by `:`.
   * @default 'propagator'
   */
  prefix?: string | undefined;
  /**
   * How clients are authenticated. Without it every socket is anonymous.
   * @default undefined
   */
  auth?: AuthOptions | undefined;
  /**
   * The events between server and clients, made by `defineEvents()`.
   * @default undefined
   */
  contract?: EventContract | undefined;
  /**
   * What is validated with the schemas of the contract. `'emit'`: the events of verbs, and the answers and responses of
   * handlers with `@On`. `'receive'`: the messages for handlers with `@On`, and the acknowledgements of `requestUser`.
   * @default 'both'; 'off' for a contract without schemas
   */
  validate?: 'off' | 'emit' | 'receive' | 'both' | undefined;
  /**
   * Validates the data of one in so many events of verbs, and of answers and responses of handlers with `@On`, chosen at random.
   * The names of all events are checked, and all messages of clients are validated.
   * @default 1
   */
  validateOneIn?: number | undefined;
  /**
   * Stores in Redis which users are online. `false` disables presence.
   * @default {}
   */
  presence?: PresenceOptions | false | undefined;
  /**
   * Keeps events while Redis is down and publishes them afterwards. `false` disables this: the events are refused
   * at once.
   * @default {}
   */
  outbox?: OutboxOptions | false | undefined;
  /**
   * Keeps a history of published events for instances whose connection was lost. `false` disables this: the
   * instance keeps none, and does not ask others for missed events.
   * @default {}
   */
  repair?: RepairOptions | false | undefined;
  /**
   * Whether a client that loses its connection for a moment gets the events that it missed when it comes back, to any instance.
   * All instances need it, workers without gateways too. The option `connectionStateRecovery` of Socket.IO has to be left out.
   * @default false
   */
  recovery?: RecoveryOptions | false | undefined;
  /**
   * Signs all messages between instances; unsigned messages are dropped. At least 32 characters, or bytes. The
   * first secret of a list signs and all are accepted, so that secrets can be changed without an interruption. All
   * instances need the same secrets. JSON from outside is not accepted then.
   * @default undefined
   */
  secret?: Secret | readonly Secret[] | undefined;
  /**
   * Limits what a client may cost.
   * @default {}
   */
  limits?: ClientLimits | undefined;
  /**
   * The parts of a socket's handshake that other instances see.
   * @default {}
   */
  sharedHandshake?: SharedHandshake | undefined;
  /**
   * Limits what is buffered for a slow client. `false` disables the limit.
   * @default {}
   */
  slowClients?: SlowClientOptions | false | undefined;
  /**
   * Whether all events sent to a client in one turn of the event loop are written at once, at the end of that turn.
   * The order, the content and the limit for slow clients are the same either way.
   * @default true
   */
  coalesceWrites?: boolean | undefined;
  /**
   * Whether clients of nestjs-redis-propagator-client are told that events for them are lost: `propagator:gap`.
   * @default true
   */
  gapNotices?: boolean | undefined;
  /**
   * When an instance counts as overloaded and sheds volatile events. `false` disables this.
   * @default {}
   */
  overload?: OverloadOptions | false | undefined;
  /**
   * How clients are moved to other instances when the app ends.
   * @default {}
   */
  shutdown?: ShutdownOptions | undefined;
  /**
   * How long the start waits for Redis, in ms. After that the app starts degraded and connects in the background.
   * @default 2000
   */
  connectTimeoutMs?: number | undefined;
  /**
   * How long a connecting client (or `await socket.join()`) waits until its channel is subscribed, in ms. After
   * that the client is connected, gets the events of this instance, and its channel is subscribed as soon as Redis
   * is back.
   * @default 2000
   */
  subscribeTimeoutMs?: number | undefined;
  /**
   * How long a publish may take, in ms. After that the event waits in the outbox, and the promise resolves as queued;
   * without an outbox it rejects with `redis.timeout`.
   * @default 5000
   */
  publishTimeoutMs?: number | undefined;
  /**
   * The deadline of requests to other instances (`fetchSockets`, `serverSideEmit` with an acknowledgement and the
   * like), in ms. The result contains the replies that came by then, and the names of the instances that did not
   * reply.
   * @default 5000
   */
  requestTimeoutMs?: number | undefined;
  /**
   * How long an event with an acknowledgement waits for the clients, in ms, unless `timeout()` or `timeoutMs` is
   * given.
   * @default 10000
   */
  ackTimeoutMs?: number | undefined;
  /**
   * The interval between the beats of an instance, in ms: it renews its record in Redis.
   * @default 2000
   */
  heartbeatIntervalMs?: number | undefined;
  /**
   * How long an instance may be silent, in ms, before the others count it as lost.
   * @default 10000
   */
  memberTimeoutMs?: number | undefined;
  /**
   * The maximum size of a message between instances, in bytes. Verbs refuse to send larger ones, and receivers drop
   * them.
   * @default 4194304
   */
  maxMessageBytes?: number | undefined;
  /**
   * The Socket.IO parser of your servers, if it is not the standard one. Required in workers without gateways,
   * which have no server to take it from.
   * @default the parser of socket.io
   */
  parser?: PacketParser | undefined;
  /**
   * The destination of log lines.
   * @default Nest's Logger
   */
  logger?: PropagatorLogger | undefined;
}
